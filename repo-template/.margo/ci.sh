#!/usr/bin/env bash
# What CI does, on every forge the same; the forge's own file says when, and with whose rights.
# It runs in a clone that `margo clone` made, so it is main's, whatever a pull request changes.
#
#   ci.sh proposal BRANCH   what a pull request from BRANCH would have sites run; may it be merged?
#   ci.sh publish           render, publish and tell (main only)
set -euo pipefail

lacks() {
  echo "$1" >&2
  exit 5
}

proposal() {
  local branch=$1
  if [[ $branch != proposal/* ]]; then
    echo "${branch:-A commit of a merge queue} is no proposal, so nobody is asked to sign. What it"
    echo "changes at sites is published as far as the policy needs no approval; the rest waits."
    return
  fi
  if [[ ${FORK:-false} == true ]]; then
    echo "From a fork nothing can be signed: push it here, as $branch, and margo pr create." >&2
    return 1
  fi
  local id=${branch#proposal/}
  margo pr diff "$id"
  if [[ ! -d trust ]]; then
    echo "This fleet is open: nothing is signed, nothing approved."
    return
  fi
  margo pr show "$id" --exit-code
}

publish() {
  if [[ -d trust ]]; then
    [[ -n ${MARGO_ROOT-} ]] || lacks "MARGO_ROOT is not set: margo trust show, at a person's clone"
    margo trust pin "$MARGO_ROOT"
  fi
  if grep -Eq "^render: *[\"']?ci\b" fleet.yaml; then
    with_key margo render --push
  fi
  # What people are told is no part of a deployment, so it does not fail one.
  margo overview --push || echo "The overview stays as it was." >&2
  tell_forge || echo "The forge was not told; the next run tells it." >&2
  margo status
}

# A file of the repository could name any forge, so the one that runs this says which it is.
tell_forge() {
  git config margo.forge "$FORGE"
  git config margo.forgeUrl "$FORGE_URL"
  [[ -z ${FORGE_USER-} ]] || git config margo.forgeUser "$FORGE_USER"
  margo pr sync
}

# MARGO_PUBLISH_KEY is the private key in base64, one line that every forge can mask in its logs.
with_key() (
  if [[ -d trust ]]; then
    [[ -n ${MARGO_PUBLISH_KEY-} ]] || lacks "MARGO_PUBLISH_KEY is not set: base64 -w0 of the key"
    umask 077
    folder=$(mktemp -d)
    trap 'rm -rf "$folder"' EXIT
    base64 --decode <<<"$MARGO_PUBLISH_KEY" >"$folder/key"
    export MARGO_KEY=$folder/key
  fi
  unset MARGO_PUBLISH_KEY
  "$@"
)

case ${1-} in
  proposal) proposal "${2-}" ;;
  publish) publish ;;
  *) echo "ci.sh proposal BRANCH, or ci.sh publish" >&2; exit 2 ;;
esac
