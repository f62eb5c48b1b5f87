//! Guests that Rust cannot express: core modules and components as text.

use wasmparser::{Parser, Payload};
use wit_component::{StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

use crate::plugins::repository;

/// A provider whose exports fail at once, with this text at the module's top: memories, tables, start functions. `TOP` is
/// all of `tests/guests/wat/FILE`.
///
/// # Panics
/// If the text is not valid.
pub fn core_guest(top: &str, manifest: &str) -> Vec<u8> {
    let mut module = wat::parse_str(FRAME.replace(";;TOP", top)).expect("valid text");
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_path(repository().join("wit")).expect("the contract");
    let world = resolve.select_world(&[package], Some("provider")).expect("its world");
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).expect("embedded");
    acmite_build::componentize(&module, manifest).expect("a component")
}

/// Text of a component with a manifest.
///
/// # Panics
/// If the text is not valid.
pub fn component(text: &str, manifest: Option<&str>) -> Vec<u8> {
    let mut bytes = wat::parse_str(text).expect("valid text");
    if let Some(manifest) = manifest {
        section(&mut bytes, 0, &[name("acmite:manifest"), manifest.as_bytes().to_vec()].concat());
    }
    bytes
}

/// The component with so many instances of an empty module beside its own.
///
/// # Panics
/// If it is no component.
pub fn with_empty_instances(component: &[u8], count: usize) -> Vec<u8> {
    let (mut modules, mut depth) = (0, 0usize);
    for payload in Parser::new(0).parse_all(component) {
        match payload.expect("a component") {
            Payload::ModuleSection { .. } => {
                modules += usize::from(depth == 0);
                depth += 1;
            }
            Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    let mut bytes = component.to_vec();
    section(&mut bytes, CORE_MODULE, b"\0asm\x01\0\0\0");
    let instance = [vec![0], number(modules), vec![0]].concat();
    section(&mut bytes, CORE_INSTANCES, &[number(count), instance.repeat(count)].concat());
    bytes
}

const CORE_MODULE: u8 = 1;
const CORE_INSTANCES: u8 = 2;

fn section(bytes: &mut Vec<u8>, id: u8, contents: &[u8]) {
    bytes.push(id);
    bytes.extend(number(contents.len()));
    bytes.extend_from_slice(contents);
}

fn name(text: &str) -> Vec<u8> {
    [number(text.len()), text.as_bytes().to_vec()].concat()
}

/// LEB128.
fn number(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number >= 0x80 {
        bytes.push((number & 0x7f) as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}

/// The exports of the contract as the canonical ABI has them. `present` gives an empty state; the result at 1024 is zero.
const FRAME: &str = r#"(module
  (memory (export "memory") 1)
  ;;TOP
  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 2048))
  (func (export "acmite:provider/plugin@0.1.0#present")
    (param i32 i32 i32 i32 i32 i32 i32 i64 i32 i32 i32 i32) (result i32) (i32.const 1024))
  (func (export "acmite:provider/plugin@0.1.0#settled")
    (param i32 i32 i32 i32 i32 i32 i32 i64 i32 i32 i32 i32 i32 i32) (result i32) (i32.const 1024))
  (func (export "acmite:provider/plugin@0.1.0#cleanup")
    (param i32 i32 i32 i32 i32 i32 i32 i64 i32 i32 i32 i32 i32 i32) (result i32) (i32.const 1024))
  (func (export "acmite:provider/plugin@0.1.0#check")
    (param i32 i32 i32 i32 i32 i32 i32 i64 i32 i32) (result i32) (i32.const 1024)))"#;
