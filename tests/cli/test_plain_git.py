"""Plain git is complete: a machine with git and OpenSSH alone sees, approves and merges."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.cli.following import commands, remove, typed, with_margo
from tests.cli.running import IDENTITY

TOOLS = (
    *("git", "ssh-keygen", "sh"),
    *("awk", "base64", "basenc", "cat", "cut", "diff", "grep", "head", "mv", "sed", "sha256sum"),
    *("sort", "tail", "tr", "wc"),
)
"""What the page says that its reader has."""

SCENE = r"""
ssh-keygen -q -t ed25519 -N '' -f ada
ssh-keygen -q -t ed25519 -N '' -f ben
git init --quiet --bare --initial-branch=main plant.git
margo init plant --person ada --key ada --poll 2s
cd plant
git remote add origin ../plant.git
printf 'polling: {interval: 2s, alive: 1ms}\n' > ../polling
sed -i '/^polling:/,$d' fleet.yaml && cat ../polling >> fleet.yaml
git commit --quiet --all --message "A sign of life at each look"
margo app add $EXAMPLES/hello-wasm
for site in north south; do
  margo site add $site --label line=press
done
margo device add north n1
root=$(margo trust show | sed -n 's/^first root: //p')
come_in() {
  agent=$1 noun=$2 place=$3 state=$4
  margo $noun invite $place --out ../invite.json
  margo $agent enroll --invite ../invite.json --root "$root" --state $state --out ../request.json |
    tee ../said
  heard=$(sed -n 's/.*read to the office: //p' ../said)
  margo $noun accept $place --request ../request.json --heard "$heard"
}
come_in lo site north $STATE/north
come_in lo site south $STATE/south
come_in en device "north n1" $STATE/north/en-n1
margo push
margo lo run --site north --remote ../plant.git --state $STATE/north --once
margo trust add ben ../ben.pub --role approve
sed -i 's/^approvals: 0/approvals: 1/' policies/approvals.yaml
git commit --quiet --all --message "Two pairs of eyes"
margo trust policy
margo push
margo deploy hello-wasm --site north --site south --name hello --pr --reason "to say hello"
MARGO_KEY=../ben margo pr approve deploy-hello
margo pr merge deploy-hello
margo lo run --site north --remote ../plant.git --with-node n1 --runtime wasm \
  --state $STATE/north --once
margo deploy hello-wasm --site north --name evening --pr --id evening --reason "for the night shift"
MARGO_KEY=../ben margo pr approve evening
git switch --quiet --create proposal/moin main
sed -i 's/^profile:/parameters: {greeting: Moin}\nprofile:/' deployments/hello.yaml
echo 'mirrors: [registry.example]' >> sites/north.yaml
git commit --quiet --all --message "Greet in Low German, from a mirror"
git switch --quiet main
margo pr create moin --reason "they asked for it"
margo trip pack north --out ..
until git -C ../plant.git cat-file -e refs/margo/alive/north; do    # in another second
  margo lo run --site north --remote ../plant.git --with-node n1 --runtime wasm \
    --state $STATE/north --once
done
"""

COUNTED = r"""
cd plant
margo pr show moin --exit-code
margo pr merge moin
margo lo run --site north --remote ../plant.git --with-node n1 --runtime wasm \
  --state $STATE/north --once
margo pull
margo status
"""


@pytest.mark.timeout(300)  # some forty commands, and the page
def test_everything_is_seen_and_done_with_plain_git(tmp_path: Path) -> None:
    env = with_margo(tmp_path)
    try:
        typed(SCENE, tmp_path, env)
        refused = typed("cd plant; margo pr merge moin || test $? = 4", tmp_path, env)
        assert refused == ""
        seen = typed(commands("with-plain-git.md"), tmp_path, _plain(tmp_path))
        for word in (
            "proposal/moin: Ada, Propose 3 records: ",
            "+parameters: {greeting: Moin}",
            "south: hello, revision 2",
            "north: settings, revision 2",
            'Good "margo-root-v1" signature for ada',
            'Good "margo-approve-v1" signature for ada',
            'Good "margo-publish-v1" signature for ada',
            'Good "margo-status-v1" signature for north',
            "north: alive",
            "| hello | n1 | installed |",
            "Ada: trip 1",
        ):
            assert word in seen, word
        shown = typed(COUNTED, tmp_path, env)
        assert "approved by ben" in shown
        assert "it may be merged" in shown
        assert shown.count("[by ada, approved by ben]") == 3
        assert "waits" not in shown
    finally:
        remove(tmp_path / "state")


def _plain(tmp_path: Path) -> dict[str, str]:
    """Ben's machine: nothing on the path but what the page names."""
    bin = tmp_path / "plain"
    bin.mkdir()
    for tool in TOOLS:
        found = shutil.which(tool)
        assert found is not None, tool
        (bin / tool).symlink_to(found)
    return {
        **IDENTITY,
        "PATH": str(bin),
        "HOME": str(tmp_path),
        "REMOTE": str(tmp_path / "plant.git"),
        "KEY": str(tmp_path / "ben"),
    }
