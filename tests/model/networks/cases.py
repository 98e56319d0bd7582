"""Published and worked cases of the measures, as they stand in their sources.

Eisenberg and Noe: example of the R package `systemicrisk`; a ring of three whose external debts
rank with or before the others (the two conventions of the R package and of Barucca et al.'s MATLAB
code `neva`). Rogers and Veraart: the first of these with default costs. DebtRank: Bardoscia et al.
(2015) and Battiston et al. (2012) on a network of three. Fire sales: Greenwood, Landier and Thesmar
(2015) and Cont and Schaanning (2017) worked through by hand on three banks. Borel: Otter (1949).
"""

from typing import Any

TRIANGLE = [[0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]]
RING = [[0, 4, 0], [0, 0, 3], [2, 0, 0]]

EISENBERG_NOE: dict[str, Any] = {
    "liabilities": TRIANGLE,
    "endowment": [0.5, 0.625, 0.75],
    "external": [1.5, 0.5, 0.5],
    "payments": [1.4732142857142856, 1.419642857142857, 1.5],
    "waves": [0, 1, -1],
}
RING_PARI_PASSU: dict[str, Any] = {
    "liabilities": RING,
    "endowment": [18, 18, 9],
    "external": [17, 18, 8],
    "payments": [20, 21, 10],
}
RING_SENIOR: dict[str, Any] = {
    "liabilities": RING,
    "endowment": [18, 18, 9],
    "external": [17, 18, 8],
    "payments": [3, 3, 2],
    "equity": [-1, 0, 2],
}
ROGERS_VERAART: dict[str, Any] = {
    "liabilities": TRIANGLE,
    "endowment": [0.5, 0.625, 0.75],
    "external": [1.5, 0.5, 0.5],
    "alpha": 0.5,
    "beta": 0.7,
    "payments": [0.5020199619771861, 0.5147049378275612, 0.5653806135032369],
    "waves": [0, 1, 1],
}

EXPOSURES = [[0, 0.1, 0], [1, 0, 0.3], [0.3, 0.2, 0]]
EQUITY = [2, 5, 2]
SHOCK = [0.1, 0.2, 0.05]
LINEAR = [0.111382237812007, 0.22764475624015, 0.089471811295816]
SINGLE_HIT = [0.11, 0.223, 0.085]

FIRE_SALE: dict[str, Any] = {
    "assets": [100.0, 200.0, 150.0],
    "equity": [5.0, 8.0, 10.0],
    "weights": [[0.6, 0.3, 0.1], [0.2, 0.5, 0.3], [0.1, 0.1, 0.8]],
    "liquidity": [0.0001, 0.0002, 5e-05],
    "shock": [-0.02, 0.0, -0.01],
}
FIRE_SALE_FOUND: dict[str, Any] = {
    "returns": [-0.013000000000000001, -0.007, -0.01],
    "sales": [-23.640000000000004, -26.310000000000002, -29.35],
    "price_moves": [-0.0023640000000000006, -0.005262000000000001, -0.0014675],
    "spillovers": [-0.0031437500000000007, -0.003544050000000001, -0.0019366000000000003],
    "aggregate_vulnerability": -0.0571163043478261,
    "systemicness": [-0.017773260869565214, -0.028706086956521742, -0.010636956521739132],
    "indirect_vulnerability": [-0.06287500000000001, -0.08860125000000002, -0.029049000000000002],
    "direct_vulnerability": [-0.26, -0.17500000000000002, -0.15],
    "connectedness": [0.01655, 0.01965, 0.01165],
}

DELEVERAGING: dict[str, Any] = {
    "positions": [[40.0, 20.0], [30.0, 50.0], [10.0, 60.0]],
    "others": [29.099999999999998, 10.0, 19.4],
    "equity": [3.3000000000000003, 4.2, 4.4],
    "depth": [300.0, 700.0],
    "largest": 25.0,
    "buffer": 23.75,
    "floor": 0.5,
    "slippage": 0.5,
}
DELEVERAGING_FOUND: dict[str, Any] = {
    "shares": [0.1787499999999999, 0.0, 0.0],
    "sales": [7.149999999999997, 3.5749999999999984],
    "falls": [0.023274224351187478, 0.005081148528761459],
    "losses": [0.940304039572072, 0.9522841569736973, 0.5376111552375623],
    "equity": [2.359695960427928, 3.247715843026303, 3.862388844762438],
    "leverage": [32.85464956740408, 27.418567432318653, 23.00710581361159],
}
OVERLAP = [
    [5.904761904761904, 5.428571428571429, 3.0476190476190474],
    [5.428571428571429, 6.571428571428571, 5.285714285714286],
    [3.0476190476190474, 5.285714285714286, 5.476190476190476],
]
OVERLAP_EIGENVALUES = [15.312074316372616, 2.6403066360083365, 0.0]
PRINCIPAL = [0.5468933553580384, 0.6549885108741328, 0.5214381156840305]

BOREL = {"reproduction": 0.7, "sizes": [1, 2, 3], "pmf": [0.4965853038, 0.1726178748, 0.0900054748]}
LINEAR_FEEDBACK = {"shock": 4.0, "slope_by_impact": 0.5, "fall": 8.0}
