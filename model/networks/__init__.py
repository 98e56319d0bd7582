"""Measures of the networks literature: arrays in, arrays out, each with its formula and DOI.

They are snapshots: each says what would follow from a balance sheet at one moment under its own
rule. None is added to losses that a run realised, which hold the price channel already.
"""

from crossmargin.model.networks.borel import borel_cdf as borel_cdf
from crossmargin.model.networks.borel import borel_fit as borel_fit
from crossmargin.model.networks.borel import borel_pmf as borel_pmf
from crossmargin.model.networks.borel import borel_tail as borel_tail
from crossmargin.model.networks.borel import extinction_probability as extinction_probability
from crossmargin.model.networks.borel import total_progeny as total_progeny
from crossmargin.model.networks.branching import Branching as Branching
from crossmargin.model.networks.branching import branching_matrix as branching_matrix
from crossmargin.model.networks.branching import total_fall as total_fall
from crossmargin.model.networks.clearing import Clearing as Clearing
from crossmargin.model.networks.clearing import clearing_vector as clearing_vector
from crossmargin.model.networks.cont_schaanning import Deleveraging as Deleveraging
from crossmargin.model.networks.cont_schaanning import cont_schaanning as cont_schaanning
from crossmargin.model.networks.debtrank import DebtRank as DebtRank
from crossmargin.model.networks.debtrank import debtrank as debtrank
from crossmargin.model.networks.fire_sale import FireSale as FireSale
from crossmargin.model.networks.fire_sale import fire_sale as fire_sale
from crossmargin.model.networks.furfine import Furfine as Furfine
from crossmargin.model.networks.furfine import furfine as furfine
from crossmargin.model.networks.hawkes import HawkesRatio as HawkesRatio
from crossmargin.model.networks.hawkes import RegimeWarning as RegimeWarning
from crossmargin.model.networks.hawkes import hawkes_branching_ratio as hawkes_branching_ratio
from crossmargin.model.networks.reproduction import Reproduction as Reproduction
from crossmargin.model.networks.reproduction import reproduction_number as reproduction_number
