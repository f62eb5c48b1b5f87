#!/usr/bin/env sh
# shellcheck disable=SC2034
dns_acmite_info='acmite: sandboxed DNS providers
Site: github.com/acmite/acmite
Options:
 ACMITE_DNS_PLUGIN Provider, as after --dns-plugin
OptionsAlt:
 ACMITE_CREDENTIALS File of its settings and secrets
 ACMITE_DNS_RESOLVER Resolver to ask instead of the one of the system
 ACMITE_STATE_DIR State folder of acmite
 ACMITE_PROGRAM The acmite to run. Default: acmite
'

# Usage: dns_acmite_add FULLDOMAIN TXTVALUE
dns_acmite_add() {
  _acmite present "$1" "$2"
}

# Usage: dns_acmite_rm FULLDOMAIN TXTVALUE
dns_acmite_rm() {
  _acmite cleanup "$1" "$2"
}

# acme.sh keeps what it was given for its own renewals.
_acmite() {
  for _acmite_name in ACMITE_DNS_PLUGIN ACMITE_CREDENTIALS ACMITE_DNS_RESOLVER ACMITE_STATE_DIR ACMITE_PROGRAM; do
    eval "_acmite_value=\${$_acmite_name:-}"
    if [ -z "$_acmite_value" ]; then
      _acmite_value="$(_readaccountconf_mutable "$_acmite_name")"
    else
      _saveaccountconf_mutable "$_acmite_name" "$_acmite_value"
    fi
    if [ -n "$_acmite_value" ]; then
      export "$_acmite_name=$_acmite_value"
    fi
  done
  if ! "${ACMITE_PROGRAM:-acmite}" hook --quiet "$@"; then
    _err "acmite could not do it: $1 $2"
    return 1
  fi
}
