"""Whether a record is approved: its proof, its statement, and whose signatures are on it."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from margo_gitops.documents import canonical
from margo_gitops.errors import Refused
from margo_gitops.model import layout
from margo_gitops.model.approval import ApprovalRule, Policy, Proof, Scope, Statement
from margo_gitops.model.record import Record, RecordEntry
from margo_gitops.model.trust import Enrolment, TrustRoot
from margo_gitops.trust import merkle
from margo_gitops.trust.signers import Persons, able
from margo_gitops.trust.sshsig import Namespace

LONGEST = 4096
"""Bytes of a statement or a proof."""

_EVERY = "every-change"


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a record's approval rests on: a statement's bytes, its signatures, the record's proof.

    `proof` is None where the statement is looked at as a whole.
    """

    statement: bytes
    signatures: Sequence[bytes]
    proof: bytes | None = None


@dataclass(frozen=True, slots=True)
class Judged:
    """Who approved, and what is missing: None where the policy is met."""

    statement: Statement
    approvers: frozenset[str]
    missing: str | None


def scope_of(record: Record, enrolment: Enrolment | None) -> Scope:
    """What the policy selects by: enrolled labels and tenant, never what a branch says."""
    return Scope(
        site=record.site,
        labels={} if enrolment is None else enrolment.labels,
        tenant=None if enrolment is None else enrolment.tenant,
        application=record.application,
    )


def rules_for(policy: Policy, scope: Scope) -> list[ApprovalRule]:
    """Every rule that a record must meet; none where policy asks for no approval."""
    whole = ApprovalRule(name=_EVERY, approvals=policy.approvals)
    chosen = [whole, *(rule for rule in policy.rules if rule.selects(scope))]
    return [rule for rule in chosen if rule.approvals]


def evidence_in(files: Mapping[str, bytes], entry: RecordEntry) -> Evidence | None:
    """What a site branch's files hold for an entry; None where it names no statement.

    Raises `Refused` (rule `approval`) where a named one is missing.
    """
    if entry.statement is None:
        return None
    where = layout.statement_path(entry.statement)
    statement = files.get(where)
    if statement is None or canonical.digest(statement) != entry.statement:
        raise Refused(f"{where} is missing, or is another statement", rule="approval")
    begins = layout.approvals_path(entry.statement)
    signed = [files[path] for path in sorted(files) if path.startswith(begins)]
    proof = files.get(layout.proof_path(canonical.digest(canonical.dump(entry.record))), b"")
    return Evidence(statement, signed, proof)


def unapproved(
    record: Record, evidence: Evidence | None, root: TrustRoot, enrolment: Enrolment | None
) -> str | None:
    """None where this very record has what the policy in force asks for; else what it lacks."""
    scope = scope_of(record, enrolment)
    if evidence is None:
        rules = rules_for(root.policy, scope)
        if not rules:
            return None
        return f"{record.name} is approved by nobody: {_asked(rules)}"
    try:
        judged = judge(evidence, root, [scope])
        _require_proof(record, judged.statement, evidence)
    except Refused as error:
        return f"{record.name}: {error.problem}"
    return None if judged.missing is None else f"{record.name}: {judged.missing}"


def frozen(
    record: Record,
    evidence: Evidence | None,
    root: TrustRoot,
    enrolment: Enrolment | None,
    now: float,
) -> str | None:
    """The window that keeps a record from being published at this time; None where none does.

    It binds the publisher alone: an edge node may not know what day it is.
    """
    if evidence is not None and read_statement(evidence.statement).purpose == "break-glass":
        return None
    scope = scope_of(record, enrolment)
    for window in root.policy.freezes:
        if window.selects(scope) and window.holds(now):
            return f"{record.name} is frozen until {window.ends}: {window.name}"
    return None


def judge(evidence: Evidence, root: TrustRoot, scopes: Iterable[Scope]) -> Judged:
    """Who signed a statement, held against the policy for records of these scopes.

    The proposer must have signed and does not count. Raises `Refused` (rule `approval`) for a
    statement that is none.
    """
    statement = read_statement(evidence.statement)
    if statement.fleet != root.fleet:
        raise Refused(f"a statement of the fleet {statement.fleet}", rule="approval")
    persons = Persons(root)
    by = persons.signed(evidence.statement, Namespace.APPROVE, evidence.signatures, None)
    may = persons.signed(evidence.statement, Namespace.APPROVE, evidence.signatures, "approve")
    approvers = others(may.persons, statement.proposer)
    told = "".join(f"; {problem}" for problem in may.problems[:3])
    if not proposed(statement.proposer, by.persons):
        return Judged(
            statement, approvers, f"its proposer {statement.proposer} did not sign it{told}"
        )
    if statement.purpose == "break-glass":
        return Judged(statement, approvers, _glass(root.policy, approvers, told))
    for scope in scopes:
        for rule in rules_for(root.policy, scope):
            if lacks := _lacks(rule, approvers):
                return Judged(statement, approvers, lacks + told)
    return Judged(statement, approvers, None)


def unmeetable(root: TrustRoot, scopes: Iterable[Scope], proposer: str) -> str | None:
    """The rule that not enough persons could meet, whoever signs, in words; None where all can."""
    may = others(frozenset(able(root, "approve")), proposer)
    for scope in scopes:
        for rule in rules_for(root.policy, scope):
            count = len(may & set(rule.persons) if rule.persons else may)
            if count < rule.approvals:
                return (
                    f"the rule {rule.name} asks for {rule.approvals} approvals, and {count} persons"
                    f" besides {proposer} could give one"
                )
    return None


def others(persons: frozenset[str], proposer: str) -> frozenset[str]:
    """The persons who count: nobody approves what they propose themselves."""
    return persons - {proposer}


def proposed(proposer: str, signed: frozenset[str]) -> bool:
    """Whether the named proposer signed: else an approver could name somebody else."""
    return proposer in signed


def read_statement(data: bytes) -> Statement:
    """A statement from its canonical bytes; `Refused` for any others, and for too many."""
    if len(data) > LONGEST:
        raise Refused(
            f"a statement of {len(data)} bytes, expected at most {LONGEST}", rule="approval"
        )
    return canonical.load(data, Statement, "a statement")


def _require_proof(record: Record, statement: Statement, evidence: Evidence) -> None:
    data = evidence.proof or b""
    if len(data) > LONGEST:
        raise Refused(f"a proof of {len(data)} bytes, expected at most {LONGEST}", rule="approval")
    proof = canonical.load(data, Proof, "a proof")
    try:
        hashes = base64.b64decode(proof.path, validate=True)
    except ValueError:
        raise Refused("a proof whose path is no base64", rule="approval") from None
    path = [hashes[at : at + merkle.DIGEST] for at in range(0, len(hashes), merkle.DIGEST)]
    leaf = merkle.leaf(canonical.dump(record))
    found = merkle.leads(leaf, proof.index, statement.records, path)
    named = canonical.digest(evidence.statement)
    if found is None or f"sha256:{found.hex()}" != statement.tree or proof.statement != named:
        raise Refused("its proof does not lead to the statement that it names", rule="approval")


def _glass(policy: Policy, approvers: frozenset[str], told: str) -> str | None:
    if policy.break_glass is None:
        return "it breaks the glass, which the policy does not allow"
    if len(approvers) >= policy.break_glass:
        return None
    return f"{len(approvers)} of {policy.break_glass} approvals for breaking the glass{told}"


def _lacks(rule: ApprovalRule, approvers: frozenset[str]) -> str | None:
    counted = approvers & set(rule.persons) if rule.persons else approvers
    if len(counted) >= rule.approvals:
        return None
    of = f" of {', '.join(rule.persons[:5])}" if rule.persons else ""
    return f"{len(counted)} of {rule.approvals} approvals{of} for the rule {rule.name}"


def _asked(rules: Sequence[ApprovalRule]) -> str:
    return ", ".join(f"the rule {rule.name} asks for {rule.approvals}" for rule in rules)
