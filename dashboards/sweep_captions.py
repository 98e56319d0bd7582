"""What each chart of a sweep's report shows and how to read it."""

FACTORS = "What was varied, and between which values. Everything else was the same in all runs."
OUTCOMES = (
    "Each outcome over all runs. The mean, the median and the two outer quantiles come with 95% "
    "intervals over seeds: what other seeds would give at the same points. Runs that share a seed "
    "are not independent, so that few seeds make wide intervals however many points there are. A "
    "quantile is left out where there are too few runs, or seeds, to say it."
)
CURVES = (
    "Each panel follows one factor, the one that explains most first, while all others vary. "
    "Line: the mean of the runs. Dark band: its 95% interval, over seeds; points that share their "
    "seeds move up and down together within it. Pale band: where the middle 80% of the runs lie. "
    "A line that stays within the dark band of its neighbours says little; a wide "
    "pale band says that other factors, or luck, matter more."
)
PHASE_GRID = (
    "Each cell is the mean of all runs with these two values; darker is more. Borders where the "
    "colour jumps are where the market changes its behaviour."
)
PHASE_SURFACE = (
    "A smooth surface through the points that were run (the dots), all other factors at their "
    "middle; darker is more. Between the dots it is a guess, whose error is given below."
)
MORRIS = (
    "To the right: how much the outcome changes on average when a factor alone goes through its "
    "range. Upwards: how much that change depends on where the others stand. Bottom left: does not "
    "matter. Near the right end and low: matters, in one direction. High above the lines: acts "
    "together with others, or not in a straight line."
)
SOBOL = (
    "How much of the differences between runs each factor makes. Alone: the share that would go if "
    "this factor were known. With all others: the share that would stay if everything else were "
    "known. Where the second bar is much longer, the factor acts together with others. Whiskers: "
    "95% intervals."
)
SEED = (
    "How much of the differences between runs is luck, that is the seed, and how much is what was "
    "varied. Where luck is most, single runs prove nothing: compare many. Luck that moves all "
    "points alike does not disturb comparisons between points that share their seeds."
)
BOX = (
    "The corner of the factors in which the outcome is most often beyond the threshold, found by "
    "peeling off thin slices where it is not. The points of the design are the evidence: more "
    "replicates of the same points add none. Each dot is a point of the design, redder the more "
    "of its runs are cases; the dashed frame is the corner, seen along two factors."
)
PARALLEL = (
    "Each line is a run, from its values of the factors to its outcome on the right; the darker, "
    "the higher the outcome. Bundles of dark lines show which values go with high outcomes."
)
ECDF = (
    "Read across from a value: the share of runs in which the outcome was at or below it. Where "
    "the curve jumps, many runs share a value; a long flat end to the right is a heavy tail. The "
    "bands hold the whole curve with 95% confidence, with as many independent runs as there are "
    "seeds."
)
FAILED = "Runs that ended with an error. They are in no number of this page."
NOTHING_VARIES = "No outcome differs between the runs: there is nothing to show."

WORDS = {
    "Point": "One choice of values for all factors.",
    "Replicate": "One of several runs of a point, with a seed of its own.",
    "Seed": "The number from which a run draws all that is random; the same seed, the same run.",
    "95% interval": "A range made so that in 95 of 100 sweeps of the same points with other seeds "
    "it holds the true value. It covers luck, not the choice of the points, nor the errors of the "
    "model.",
    "Quantile": "The 95% quantile is the value that 95% of the runs stay at or below.",
    "Coverage and density": "Of a corner: the share of all cases that lie in it, and the share of "
    "its runs that are cases.",
    "Common random numbers": "Replicates of the same number have the same seed in all points, so "
    "that points differ by their values and not by their luck. What is averaged over points then "
    "has the luck of its few seeds, not of its many runs.",
}
