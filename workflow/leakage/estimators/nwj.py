"""The bound of Nguyen, Wainwright and Jordan (NWJ), held out.

Nguyen, Wainwright, Jordan, "Estimating divergence functionals and the likelihood ratio by convex
risk minimization", IEEE Transactions on Information Theory 56(11), 2010; in the form of Poole et
al., ICML 2019, arXiv 1905.06922, equation 6 with T shifted by 1: I(X;Y) >= 1 + E_joint[T] -
E_product[exp T]. Validation pictures choose the offset of T. The value is unbiased in the scored
pairs, and its variance grows with exp I.
"""

from typing import TYPE_CHECKING, Literal

from leakage.protocol.cross_fitting import CrossFittedNetworks

if TYPE_CHECKING:
    from leakage.protocol.bounds import Bound


class Nwj(CrossFittedNetworks):
    """The NWJ bound on held-out pictures."""

    estimand = "NWJ bound on held-out pictures, cross-fitted"

    method: Literal["nwj"] = "nwj"

    def bound(self) -> "Bound":
        """Return the bound."""
        from leakage.protocol import bounds

        return bounds.Nwj()
