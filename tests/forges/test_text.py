"""What people read: bounded, and nothing in it acts, whatever the proposer wrote."""

from __future__ import annotations

import re
import unicodedata

from hypothesis import example, given, settings
from hypothesis import strategies as st

from margo_gitops.forges import text
from margo_gitops.forges.base import Limits
from margo_gitops.forges.plain import UNSEEN, bare, code, plain
from margo_gitops.model.proposal import Group, Progress, Word
from tests.forges.wording import word

SMALL = Limits(title=255, body=32_768, comment=32_768, check=140)
HOSTILE = (
    "@everyone",
    "fixes #12, closes !3",
    "closes plant/fleet#1 and GH-12 and PLANT-7",
    "/merge\n/approve\r\n/close",
    "<!-- margo-gitops -->",
    "--><script>alert(1)</script><img src=x onerror=x>",
    "](javascript:alert(1)) [x](http://evil.example/) ![y](http://evil.example/t.png)",
    "www.evil.example https://evil.example/ mail@evil.example",
    "`@ada` ``@ada`` ```\n@ada",
    "\u202e\u2066reversed\u200b\ufeff\x00\x1b[31m",
    "&commat;ada &#64;ada &num;12",
    "~label %milestone $12 &3 ^alert#1 :rocket: [vulnerability:1]",
    "| a | b |\n|---|---|\n# heading\n---\n- [ ] task\n> quote",
    "\ud800 lone",
    "x" * 100_000,
)
values = st.one_of(
    st.sampled_from(HOSTILE), st.text(max_size=80), st.text("@#!<&`/\n -a1", max_size=9)
)
groups = st.builds(
    Group,
    values,
    st.lists(values, max_size=30).map(tuple),
    st.lists(values, max_size=60).map(tuple),
)
words = st.builds(
    Word,
    id=values,
    branch=st.just("proposal/17"),
    commit=st.just("a" * 40),
    title=values,
    reason=values,
    proposer=st.none() | values,
    records=st.integers(0, 10_000),
    sites=st.integers(0, 1_000),
    groups=st.lists(groups, max_size=5).map(tuple),
    approvers=st.lists(values, max_size=40).map(tuple),
    missing=st.none() | values,
    state=st.sampled_from(("open", "merged", "closed")),
    progress=st.none()
    | st.builds(Progress, st.integers(0, 9), st.integers(0, 9), st.integers(0, 2)),
)
_CODE = re.compile(r"`[^`\n]*`")


def assert_quiet(said: str) -> None:
    """Nothing that a forge would act on, outside of code."""
    shown = _CODE.sub("", said.replace(text.MARKER, ""))
    assert not re.search(r"@(?!\u200b)", shown), shown
    assert not re.search(r"[#!]\w", shown), shown
    assert not re.search(r"(?<![\\&\w])<|&(?!amp;\u200b|lt;|gt;)", shown), shown
    assert not re.search(r"(?i)\b(https?|javascript|mailto):\w|://|\bwww\.", shown), shown
    assert not re.search(r"(?<!\\)\]\(", shown), shown
    assert not re.search(r"\b[A-Z]{2,}-\d", shown), shown
    for line in shown.splitlines():
        assert not line.lstrip().startswith("/"), line


def assert_seen(said: str) -> None:
    """No character that moves or hides others, but our own."""
    odd = {c for c in said if unicodedata.category(c) in {"Cc", "Cf", "Cs"}} - {"\n", UNSEEN}
    assert not odd


@settings(max_examples=60, deadline=None)
@given(words, st.lists(values, max_size=30))
@example(word("\n/merge", reason="/merge", proposer="/merge"), ["/merge"])
def test_whatever_the_proposer_wrote(made: Word, clicks: list[str]) -> None:
    comment = text.comment(made, clicks, SMALL)
    body = text.body(made, SMALL)
    assert max(len(comment), len(body)) <= 32_768
    assert comment.count(text.MARKER) == body.count(text.MARKER) == 1
    assert comment.startswith(text.MARKER)
    for said in (comment, body, text.preview(made)["README.md"].decode()):
        assert_quiet(said)
        assert_seen(said)
    title = text.title(made, SMALL)
    assert len(title) <= 255
    assert "\n" not in title
    assert title.startswith("Proposal ")
    checks = [text.approvals(made, SMALL), *filter(None, [text.sites(made)])]
    for said in (title, *(check.text for check in checks)):
        assert_seen(said)
        assert not re.search(r"@(?!\u200b)|[#!]\w|://", said), said
    assert all(len(check.text) <= 140 for check in checks)


@given(st.text(max_size=300))
def test_nothing_is_shown_as_something_else(value: str) -> None:
    """What is put in does not show: without it, the words are the proposer's."""
    unescaped = re.sub(r"\\([\\`*_{}\[\]()|~^+=])", r"\1", plain(value, 400).replace(UNSEEN, ""))
    shown = unescaped.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    kept = "".join(" " if unicodedata.category(c)[0] == "C" else c for c in value)
    kept = "".join(" " if unicodedata.category(c) in {"Zl", "Zp"} else c for c in kept)
    assert shown == " ".join(kept.split())


def test_a_name_stays_as_it_is_to_be_copied() -> None:
    digest = f"sha256:{'a' * 64}"
    for value in ("site-042", f"registry.example/app@{digest}", "greeting = Moin", "1.2.3"):
        assert code(value) == f"`{value}`"
    assert code("mail@example.org") == f"mail@{UNSEEN}example.{UNSEEN}org"
    assert "`" not in bare("@ada")


def test_a_command_can_be_copied() -> None:
    """Nothing unseen in it: ids as `line-2` are usual."""
    made = word(id="line-2")
    assert text.approvals(made, text.GITHUB).text.endswith("margo pr approve line-2")
    assert "`margo pr approve line-2`" in text.comment(made, (), text.GITHUB)


def test_what_does_not_fit_is_cut_at_a_group() -> None:
    many = tuple(
        Group(f"group {n}", tuple(f"s{n}-{i}" for i in range(50)), ("x" * 190,) * 30)
        for n in range(40)
    )
    made = word(groups=many)
    said = text.comment(made, (), SMALL)
    shown = said.count("### ")
    assert 0 < shown < 40
    assert said.endswith(f"the rest ({40 - shown} more): branch `preview/17`")
    assert len(said) <= SMALL.comment
    assert text.needs_preview(made, (), SMALL)
    whole = text.preview(made)["README.md"].decode()
    assert whole.count("### ") == 40
    assert "s39-49" in whole


def test_a_group_that_is_cut_sends_people_to_the_preview_too() -> None:
    for count, cut in ((20, False), (21, True)):
        made = word(groups=(Group("alike", tuple(f"s{n}" for n in range(count)), ("x",)),))
        assert text.needs_preview(made, (), text.GITHUB) is cut
        said = text.comment(made, (), text.GITHUB)
        assert said.endswith("branch `preview/17`") is cut


def test_the_words() -> None:
    made = word(
        "Greet in Low German",
        groups=(Group("797 sites alike", ("north", "south"), ("hello: greeting Hello -> Moin",)),),
        approvers=("bob",),
        missing="1 of 2 approvals for the rule safety",
    )
    assert text.comment(made, ("eve",), text.GITHUB) == "\n".join(
        [
            "<!-- margo-gitops -->",
            "**1 of 2 approvals for the rule safety**: 800 records at 800 sites.",
            "Next: `margo pr approve 17`",
            "",
            "Approved by bob.",
            "Clicked approve on the forge, which is no signature: eve.",
            "",
            "### 797 sites alike",
            "",
            f"- hello:{UNSEEN} greeting Hello -&gt; Moin",
            "",
            "2 sites: `north`, `south`",
        ]
    )
    check = text.approvals(made, text.GITHUB)
    assert (check.name, check.state) == ("margo/approvals", "pending")
    assert check.text == "1 of 2 approvals for the rule safety; next: margo pr approve 17"
