"""The networks in place of CLIP and ResNet-50: the paper's own, stand-ins, or untrained ones.

The configuration names an encoder for each of the paper's two networks (`paper.clip` and
`paper.resnet`). The record of its weights decides its kind:

- the paper's network with trained weights (any weights; the paper does not name its own),
- a stand-in: another trained network,
- untrained: a network with random weights,
- without weights: an encoder that records none, such as the hand-made `statistics` or a plug-in.
  Nothing says that it is trained, so it is not a stand-in for a trained network.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from leakage.analysis.tables import Table

PAPER, STAND_IN = "the paper's network", "a stand-in"
UNTRAINED, WITHOUT_WEIGHTS = "untrained", "without weights"
CLIP, RESNET = "clip", "resnet"


@dataclass(frozen=True)
class Network:
    """A network of the paper."""

    models: frozenset[str]
    title: str
    short: str


NETWORKS = {
    CLIP: Network(frozenset({"ViT-B-32", "ViT-B-32-quickgelu"}), "CLIP ViT-B/32", "CLIP"),
    RESNET: Network(frozenset({"resnet50"}), "ResNet-50", "ResNet"),
}


@dataclass(frozen=True)
class Player:
    """An encoder in the place of one of the paper's networks."""

    part: str
    label: str
    kind: str

    @property
    def named(self) -> str:
        """Its label, and the network that it replaces, if it is another one."""
        title = NETWORKS[self.part].title
        own = self.kind == PAPER or self.label.startswith(title)
        return self.label if own else f"{self.label}, in place of {title}"

    @property
    def short(self) -> str:
        """The paper's short name for its own network; else the label without its brackets."""
        own = self.kind == PAPER
        return NETWORKS[self.part].short if own else self.label.partition(" (")[0]


def player(table: Table, part: str) -> Player:
    """Return the encoder of a table, in the place of one of the paper's networks."""
    record = table.metadata["source"].get("weights") or {}
    if table.untrained or record.get("untrained", False):
        kind = UNTRAINED
    elif "model" not in record:
        kind = WITHOUT_WEIGHTS
    else:
        kind = PAPER if record["model"] in NETWORKS[part].models else STAND_IN
    return Player(part, table.label, kind)


def named(players: Iterable[Player]) -> str:
    """Return the names of several players as one text, `A, in place of B; C`."""
    return "; ".join(dict.fromkeys(each.named for each in players))
