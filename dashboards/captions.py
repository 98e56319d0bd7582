"""What each chart of a report shows and how to read it, for somebody who has read nothing else."""

from crossmargin.dashboards.figures.words import ACCOUNTING

PRICE = (
    "Four prices of one thing. The mid stands between the best bid and the best ask of this "
    "venue's own book; the outside price is that of the wider world; the index is what the oracle "
    "reports of it; the mark is what margin is judged by. Each circle is a moment with "
    "liquidations, its area the value closed. Where the mid runs away from the outside price, "
    "orders on this venue move the market more than the news does."
)
PRICE_AGAIN = "The same for this market. Circles: liquidations, by the value closed."
DEPTH = (
    "Above: open interest, the value of all positions that are open; the more there is, the more "
    "can be liquidated. Below: depth, the value of the orders that wait in the book near the mid, "
    "both sides; the less there is, the further a forced order moves the price. Trouble is near "
    "when the lower lines fall while the upper ones are high."
)
HEALTH = (
    "Each column is a moment, each row a range of health: what an account is worth over what the "
    "venue requires it to keep. Darker means more accounts. Below the dashed line (health 1) the "
    "venue may liquidate; below 0 an account owes more than it has. A dark band that sinks towards "
    "the line is a crowd about to be sold out together."
)
WATERFALL = (
    "What the liquidations cost, and who bore it, in the order in which the venue turns to them: "
    "first the margin of the liquidated accounts themselves (prices worse than the mark, and "
    "penalties), then the cushions, then other users, and last what nobody has paid. Bad prices "
    "that emptied an account stand in the first bar and again with whoever then paid for it."
)
INSURANCE = (
    "The insurance fund grows by its share of the penalties and pays what emptied accounts owe: "
    "steps down are payments. Once it is empty, winners or all users pay. Bad debt is the running "
    "total of what emptied accounts owed."
)
UNHEDGED = (
    "Some hold a coin and are short of it in the same amount, so that its price means nothing to "
    "them. When auto-deleveraging (ADL) or a liquidation closes one of the two, they are left with "
    "the other. The line is the value of what they hold without its hedge: it rises when hedges "
    "are taken away and falls as they sell, or hedge again, which moves the price a second time. "
    "Much is bad."
)
HEDGED = "Every hedge held: nobody who hedges was left with one leg."
CASCADE = (
    "Above: the value of positions closed by force in each span of time. The colour tells how many "
    "other accounts' liquidations stand behind one: the first generation broke without one before "
    "it, the second after a liquidation of the first, and so on. Below: the running total. Much "
    "beyond the first generation is a cascade that feeds itself."
)
POPULATIONS = (
    "An arrow from A to B is what the liquidations of A cost B; the wider, the more. Blue came "
    "through the price (forced orders of A moved it while B held a position), red by transfer (the "
    "insurance fund, auto-deleveraging or a shared loss paid for A). The larger a circle, the more "
    "it lost; squares are accounts of the venue; a loop is loss within one population. This is an "
    "exact account of who moved the price last, not proof of what would have happened otherwise: "
    f"each is a {ACCOUNTING}. What would have happened is asked with `crossmargin whatif`."
)
ACCOUNTS = (
    "On the left the accounts whose liquidations cost others most, on the right the accounts that "
    "lost most by liquidations of others. A line joins two where one cost the other something, as "
    "wide as the loss; the amounts are totals. To be hit it is enough to hold a position in the "
    f"same market: the two need never have traded with each other. Each is a {ACCOUNTING}."
)
CLASSES = (
    "Every move of the mid has an author: the order that made it. For each population the bars add "
    "up what it gained (right) or lost (left) on its positions, by the kind of order that moved "
    "the price. In perpetuals what one side loses the other gains, so each colour cancels over all "
    f"populations. Red is the work of forced orders, a {ACCOUNTING}."
)
SPREAD = (
    "The accounts whose liquidations cost others most, through the price and by transfer: a "
    f"{ACCOUNTING}."
)
LOST = (
    "The accounts whose equity fell most, and by whose orders the price moved for or against them "
    f"(negative: lost), a {ACCOUNTING}. Fees, funding and penalties come on top."
)
QUALITY = (
    "How well positions were closed: how long after an account fell below its requirement, how "
    "much worse than the mark (slippage), and how much was closed although it stood in profit."
)
#: What stands where there is nothing to show.
QUIET = "No account was liquidated in this run, so there is nothing to show here."
FLAT = "Nobody held a position in this run."
HARMLESS = "The liquidations of this run cost nobody else anything."
NO_LOSS = "No account lost anything."

#: Words of the field that the page uses.
WORDS = {
    "Margin": "Money that an account must keep so that its positions may stay open.",
    "Health": "What an account is worth over what it must keep. Below 1 it may be liquidated.",
    "Liquidation": "The venue closes positions of an account against its will.",
    "Notional": "The value of a position: its quantity times the price.",
    "Mark": "The price at which the venue values positions.",
    "Insurance fund": "Money of the venue that pays what emptied accounts owe.",
    "Backstop vault": "A fund that takes over positions that the book cannot absorb.",
    "Auto-deleveraging (ADL)": "Positions of winners are closed against those of emptied accounts.",
    "Bad debt": "What an account owes after all that it had is gone.",
}
