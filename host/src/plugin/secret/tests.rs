use aws_lc_rs::{rsa, signature};

use super::*;

fn secrets(fields: &[(&str, &[u8])]) -> Secrets {
    let fields = fields.iter().map(|(name, value)| ((*name).to_owned(), Zeroizing::new(value.to_vec())));
    Secrets::new(Arc::new(CredentialSet::new(fields.collect())), RunCaptures::default(), 59)
}

fn hex(secrets: &Secrets, number: u32) -> String {
    data_encoding::HEXLOWER.encode(&entry(&secrets.entries, number).expect("a secret").bytes)
}

fn text(value: &str) -> Vec<Part> {
    vec![Part::Text(value.to_owned())]
}

#[test]
fn hmacs_agree_with_rfc_2202_and_rfc_4231() {
    let mut secrets = secrets(&[]);
    let data = text("what do ya want for nothing?");
    let expected = [
        (Hash::Md5, "750c783e6ab0b503eaa86e310a5db738"),
        (Hash::Sha1, "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"),
        (Hash::Sha256, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
    ];
    for (hash, tag) in expected {
        let number = secrets.hmac(hash, &text("Jefe"), &data).expect("a tag");
        assert_eq!(hex(&secrets, number), tag, "{hash:?}");
    }
    // RFC 2202 section 2, case 6: a key longer than the block.
    let key = vec![Part::Bytes(vec![0xaa; 80])];
    let data = text("Test Using Larger Than Block-Size Key - Hash Key First");
    let number = secrets.hmac(Hash::Md5, &key, &data).expect("a tag");
    assert_eq!(hex(&secrets, number), "6b1ab7fe4bd7bf8f0b62e6ce61b9d0cd");
}

#[test]
fn totp_agrees_with_rfc_6238() {
    let key = b"12345678901234567890";
    for (time, code) in [(59, "94287082"), (1_111_111_109, "07081804"), (20_000_000_000, "65353130")] {
        assert_eq!(totp_code(key, time / TOTP_STEP_SECONDS, 8), code);
    }
    let mut secrets = secrets(&[("totp", b"GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ")]);
    let key = secrets.credential("totp").expect("a field");
    let number = secrets.totp(key).expect("a code");
    assert_eq!(entry(&secrets.entries, number).expect("a secret").bytes.as_slice(), b"287082");
}

#[test]
fn a_sink_takes_only_its_classes() {
    let mut secrets = secrets(&[("key", b"wJalrXUtnFEMI"), ("other", b"other-secret")]);
    let allowed = [Class::Derived("key".into())];
    let raw = secrets.credential("key").expect("a field");
    let other = secrets.credential("other").expect("a field");
    let encoded = secrets.encode(Encoding::Hex, &[Part::Secret(raw)]).expect("encoded");
    let derived = secrets.hmac(Hash::Sha256, &[Part::Secret(raw)], &text("x")).expect("a tag");
    let mixed = secrets.hmac(Hash::Sha256, &[Part::Secret(raw)], &[Part::Secret(other)]).expect("a tag");
    assert!(secrets.place(&[Part::Secret(derived)], &allowed).is_ok());
    for refused in [raw, encoded, other, mixed] {
        let error = secrets.place(&[Part::Secret(refused)], &allowed).expect_err("another class");
        assert!(matches!(error, PlaceError::WrongClass { .. }), "{error}");
    }
    assert!(matches!(secrets.place(&text("plain"), &allowed), Err(PlaceError::NoSecret { .. })));
    assert_eq!(secrets.place(&[Part::Secret(99)], &allowed), Err(PlaceError::UnknownSecret));
    assert_eq!(secrets.place(&[Part::Secret(0)], &allowed), Err(PlaceError::UnknownSecret));
    let error = secrets.place(&[Part::Secret(raw)], &allowed).expect_err("another class");
    assert_eq!(error.to_string(), "takes [\"derived key\"], not \"raw key\"");
}

#[test]
fn templates_are_filled_from_fields_and_captures() {
    let mut secrets = secrets(&[("user", b"me"), ("password", b"open sesame")]);
    assert_eq!(
        secrets.template("Basic {base64:user:password}").expect("filled").as_slice(),
        b"Basic bWU6b3BlbiBzZXNhbWU="
    );
    assert!(matches!(secrets.template("Bearer {token.access}"), Err(PlaceError::Unfilled { .. })));
    secrets.capture("token.access", Zeroizing::new(b"captured-value".to_vec()), true);
    assert_eq!(secrets.template("Bearer {token.access}").expect("filled").as_slice(), b"Bearer captured-value");
    let mut later = Secrets::new(Arc::default(), secrets.run_captures.clone(), 0);
    assert!(later.template("{token.access}").is_ok());
}

#[test]
fn an_ed25519_signature_agrees_with_rfc_8032() {
    // Section 7.1, test 2, the key as PKCS #8 (RFC 8410).
    let seed = "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb";
    let seed = data_encoding::HEXLOWER.decode(seed.as_bytes()).expect("hex");
    let prefix = data_encoding::HEXLOWER.decode(b"302e020100300506032b657004220420").expect("hex");
    let der = data_encoding::BASE64.encode(&[prefix, seed].concat());
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{der}\n-----END PRIVATE KEY-----\n");
    let mut secrets = secrets(&[("key", pem.as_bytes())]);
    let key = secrets.credential("key").expect("a field");
    let number = secrets.sign(Signing::Ed25519, key, &[Part::Bytes(vec![0x72])]).expect("a signature");
    let expected = "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00";
    assert_eq!(hex(&secrets, number), expected);
    assert_eq!(secrets.sign(Signing::RsaPkcs1Sha256, key, &[]), Err(Fault::BadKey));
}

#[test]
fn hashes_agree_with_fips_180_and_rfc_1321() {
    let mut secrets = secrets(&[]);
    for (hash, value) in [
        (Hash::Md5, "900150983cd24fb0d6963f7d28e17f72"),
        (Hash::Sha1, "a9993e364706816aba3e25717850c26c9cd0d89d"),
        (Hash::Sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        (
            Hash::Sha384,
            "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7",
        ),
        (
            Hash::Sha512,
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
        ),
    ] {
        let number = secrets.digest(hash, &[text("a"), text("bc")].concat()).expect("a hash");
        assert_eq!(hex(&secrets, number), value, "{hash:?}");
    }
}

#[test]
fn encodings_agree_with_rfc_4648_and_rfc_3986() {
    let mut secrets = secrets(&[]);
    let parts = [Part::Bytes(vec![0xfb, 0xff]), Part::Text(" ~".into())];
    for (encoding, shown) in [
        (Encoding::None, &b"\xfb\xff ~"[..]),
        (Encoding::Hex, b"fbff207e"),
        (Encoding::Base64, b"+/8gfg=="),
        (Encoding::Base64url, b"-_8gfg"),
        (Encoding::Percent, b"%FB%FF%20~"),
    ] {
        let number = secrets.encode(encoding, &parts).expect("encoded");
        assert_eq!(entry(&secrets.entries, number).expect("a secret").bytes.as_slice(), shown, "{encoding:?}");
    }
}

/// AWS, "Create a signed AWS API request", the ListUsers example of IAM's Signature Version 4 documentation.
#[test]
fn the_functions_suffice_for_signature_version_4() {
    let mut secrets = secrets(&[("key", b"wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")]);
    let payload = secrets.digest(Hash::Sha256, &[]).expect("a hash");
    let payload = secrets.encode(Encoding::Hex, &[Part::Secret(payload)]).expect("encoded");
    let canonical = "GET\n/\nAction=ListUsers&Version=2010-05-08\n\
        content-type:application/x-www-form-urlencoded; charset=utf-8\nhost:iam.amazonaws.com\n\
        x-amz-date:20150830T123600Z\n\ncontent-type;host;x-amz-date\n";
    let request = [text(canonical), vec![Part::Secret(payload)]].concat();
    let request = secrets.digest(Hash::Sha256, &request).expect("a hash");
    let request = secrets.encode(Encoding::Hex, &[Part::Secret(request)]).expect("encoded");
    let key = secrets.credential("key").expect("a field");
    let mut key = [text("AWS4"), vec![Part::Secret(key)]].concat();
    for step in ["20150830", "us-east-1", "iam", "aws4_request"] {
        key = vec![Part::Secret(secrets.hmac(Hash::Sha256, &key, &text(step)).expect("a tag"))];
    }
    let to_sign = "AWS4-HMAC-SHA256\n20150830T123600Z\n20150830/us-east-1/iam/aws4_request\n";
    let to_sign = [text(to_sign), vec![Part::Secret(request)]].concat();
    let tag = secrets.hmac(Hash::Sha256, &key, &to_sign).expect("a tag");
    let signature = secrets.encode(Encoding::Hex, &[Part::Secret(tag)]).expect("encoded");
    let header = [text("AWS4-HMAC-SHA256 Signature="), vec![Part::Secret(signature)]].concat();
    let placed = secrets.place(&header, &[Class::Derived("key".into())]).expect("the class of the sink");
    let expected = "AWS4-HMAC-SHA256 Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7";
    assert_eq!(placed.as_slice(), expected.as_bytes());
    assert_eq!(secrets.scrubber().text(expected), "AWS4-HMAC-SHA256 Signature=[derived key]");
}

#[test]
fn signatures_verify_with_the_public_key() {
    use aws_lc_rs::encoding::AsDer;
    use aws_lc_rs::signature::{EcdsaKeyPair, KeyPair as _, VerificationAlgorithm};
    let rsa_pair = rsa::KeyPair::generate(rsa::KeySize::Rsa2048).expect("a key");
    let rsa_der = AsDer::<aws_lc_rs::encoding::Pkcs8V1Der<'_>>::as_der(&rsa_pair).expect("PKCS #8");
    // PKCS #8 of RSA is 26 bytes of version and algorithm before the PKCS #1 key (RFC 5958), for 2048 bits.
    let (rsa_pkcs8, rsa_pkcs1) =
        (pem("PRIVATE KEY", rsa_der.as_ref()), pem("RSA PRIVATE KEY", &rsa_der.as_ref()[26..]));
    let ec = |algorithm| {
        let pair = EcdsaKeyPair::generate(algorithm).expect("a key");
        let der = pair.to_pkcs8v1().expect("PKCS #8");
        (pem("PRIVATE KEY", der.as_ref()), pair.public_key().as_ref().to_vec())
    };
    let (p256, p256_public) = ec(&signature::ECDSA_P256_SHA256_FIXED_SIGNING);
    let (p384, p384_public) = ec(&signature::ECDSA_P384_SHA384_FIXED_SIGNING);
    let rsa_public = rsa_pair.public_key().as_ref().to_vec();
    let cases: [(&str, Signing, &[u8], &dyn VerificationAlgorithm); 6] = [
        (&rsa_pkcs8, Signing::RsaPkcs1Sha256, &rsa_public, &signature::RSA_PKCS1_2048_8192_SHA256),
        (&rsa_pkcs1, Signing::RsaPkcs1Sha256, &rsa_public, &signature::RSA_PKCS1_2048_8192_SHA256),
        (&rsa_pkcs8, Signing::RsaPkcs1Sha512, &rsa_public, &signature::RSA_PKCS1_2048_8192_SHA512),
        (&rsa_pkcs8, Signing::RsaPssSha256, &rsa_public, &signature::RSA_PSS_2048_8192_SHA256),
        (&p256, Signing::EcdsaP256Sha256, &p256_public, &signature::ECDSA_P256_SHA256_FIXED),
        (&p384, Signing::EcdsaP384Sha384, &p384_public, &signature::ECDSA_P384_SHA384_FIXED),
    ];
    for (pem, algorithm, public, verifier) in cases {
        let mut secrets = secrets(&[("key", pem.as_bytes())]);
        let key = secrets.credential("key").expect("a field");
        let number = secrets.sign(algorithm, key, &text("message")).expect("a signature");
        let value = &entry(&secrets.entries, number).expect("a secret").bytes;
        assert!(verifier.verify_sig(public, b"message", value).is_ok(), "{algorithm:?}");
        assert!(verifier.verify_sig(public, b"massage", value).is_err(), "{algorithm:?}");
        assert_eq!(secrets.sign(Signing::Ed25519, key, &[]), Err(Fault::BadKey), "{algorithm:?}");
    }
}

fn pem(label: &str, der: &[u8]) -> String {
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", data_encoding::BASE64.encode(der))
}

#[test]
fn a_call_holds_no_more_than_its_limits() {
    let mut secrets = secrets(&[]);
    let piece = [Part::Bytes(vec![0; SECRET_BYTES])];
    let first = secrets.encode(Encoding::None, &piece).expect("as long as allowed");
    assert_eq!(secrets.encode(Encoding::Hex, &piece), Err(Fault::Limit));
    let many = vec![Part::Secret(first); 1_000_000];
    assert_eq!(secrets.digest(Hash::Sha256, &many), Err(Fault::Limit));
    assert_eq!(secrets.place(&many, &[]), Err(PlaceError::TooLong));
    for _ in 1..SECRETS_BYTES / SECRET_BYTES {
        secrets.encode(Encoding::None, &piece).expect("within the sum");
    }
    assert_eq!(secrets.encode(Encoding::None, &text("a")), Err(Fault::Limit));
    let mut secrets = self::secrets(&[]);
    for number in 1..=SECRETS_A_CALL {
        assert_eq!(secrets.encode(Encoding::None, &[]).map(|n| n as usize), Ok(number));
    }
    assert_eq!(secrets.encode(Encoding::None, &[]), Err(Fault::Limit));
}

#[test]
fn a_signature_is_scrubbed_out_of_what_it_was_wrapped_in() {
    let mut secrets = secrets(&[("key", b"wJalrXUtnFEMI")]);
    let key = secrets.credential("key").expect("a field");
    let tag = secrets.hmac(Hash::Sha256, &[Part::Secret(key)], &text("x")).expect("a tag");
    let tag_hex = hex(&secrets, tag);
    let whole = [text("Signature="), vec![Part::Secret(tag)], text(";v=1")].concat();
    let whole = secrets.encode(Encoding::Base64, &whole).expect("encoded");
    secrets.place(&[Part::Secret(whole)], &[Class::Derived("key".into())]).expect("the class of the sink");
    assert_eq!(secrets.scrubber().text(&format!("bad {tag_hex}")), "bad [derived key]");
}

#[test]
fn a_rejected_capture_is_gone_and_still_scrubbed_in_this_call() {
    let mut secrets = secrets(&[]);
    secrets.run_captures.keep("token.access", Zeroizing::new(b"old-access-token".to_vec()));
    secrets.template("Bearer {token.access}").expect("filled");
    secrets.reject("Bearer {token.access}");
    assert_eq!(secrets.credential("token.access"), Err(Fault::UnknownCredential));
    assert_eq!(secrets.scrubber().text("echo old-access-token"), "echo [token.access]");
    secrets.capture("token.access", Zeroizing::new(b"new-access-token".to_vec()), true);
    secrets.capture("token.access", Zeroizing::new(b"newer-access-token".to_vec()), true);
    assert_eq!(secrets.scrubber().text("new-access-token"), "[token.access]");
}

#[test]
fn a_capture_that_another_call_has_renewed_is_not_dropped_with_the_old_one() {
    let mut secrets = secrets(&[]);
    secrets.run_captures.keep("token.access", Zeroizing::new(b"old-access-token".to_vec()));
    secrets.template("Bearer {token.access}").expect("filled");
    secrets.run_captures.keep("token.access", Zeroizing::new(b"new-access-token".to_vec()));
    secrets.reject("Bearer {token.access}");
    assert_eq!(secrets.template("{token.access}").expect("filled").as_slice(), b"new-access-token");
}

#[test]
fn basic_authentication_takes_plain_fields_and_an_empty_password() {
    let fields = vec![("key".to_owned(), Zeroizing::new(b"open-sesame".to_vec()))];
    let set = CredentialSet::new(fields).with_settings(&[("user".to_owned(), "me".to_owned())]);
    let mut secrets = Secrets::new(Arc::new(set), RunCaptures::default(), 0);
    assert_eq!(secrets.template("{base64:user:key}").expect("filled").as_slice(), b"bWU6b3Blbi1zZXNhbWU=");
    assert_eq!(secrets.template("{base64:key:}").expect("filled").as_slice(), b"b3Blbi1zZXNhbWU6");
    assert_eq!(secrets.template("{user}:{key}").expect("filled").as_slice(), b"me:open-sesame");
    assert!(matches!(secrets.template("{base64:nobody:key}"), Err(PlaceError::Unfilled { .. })));
    assert_eq!(secrets.credential("user"), Err(Fault::UnknownCredential));
    assert_eq!(secrets.scrubber().text("me bWU6b3Blbi1zZXNhbWU="), "me [user:key]");
}

#[test]
fn a_short_password_is_scrubbed_in_the_form_it_was_sent() {
    let mut secrets = secrets(&[("user", b"me"), ("pin", b"1234")]);
    let sent = secrets.template("{base64:user:pin}").expect("filled");
    let echo = String::from_utf8(sent.to_vec()).expect("text");
    assert_eq!(secrets.scrubber().text(&format!("no {echo} here")), "no [user:pin] here");
}

#[test]
fn an_empty_credential_fills_no_template() {
    assert!(matches!(secrets(&[("key", b"")]).template("Bearer {key}"), Err(PlaceError::Unfilled { .. })));
}

#[test]
fn a_class_is_a_form_and_a_name() {
    for class in [Class::Raw("a".into()), Class::Captured("t.a".into()), Class::Derived("a".into())] {
        assert_eq!(class.to_string().parse(), Ok(class));
    }
    for text in ["", "raw", "raw ", "raw a b", "Raw a", "secret a"] {
        assert_eq!(text.parse::<Class>(), Err(UnknownClass), "{text:?}");
    }
}

#[test]
fn debug_shows_names_only() {
    let set = CredentialSet::new(vec![("api_token".into(), Zeroizing::new(b"hidden-value".to_vec()))]);
    assert_eq!(format!("{set:?}"), r#"{"api_token"}"#);
}
