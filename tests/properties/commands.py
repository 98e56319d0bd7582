"""Streams of orders to a small market with several accounts and books, drawn by Hypothesis."""

from dataclasses import dataclass, field

from hypothesis import strategies as st

from crossmargin.model.kernel import from_python
from crossmargin.model.state import (
    CANCEL,
    EXOGENOUS,
    LIMIT,
    MARKET_ORDER,
    N_CLASSES,
    NO_MARGIN,
    ORDER,
    REASONS,
    REPLACE,
    SELF_ALLOW,
    SELF_CANCEL_RESTING,
    SELF_CANCEL_TAKER,
    State,
)
from crossmargin.model.trading import execute
from tests.reference.naive_book import Message
from tests.reference.naive_market import Command, NaiveMarket
from tests.small import Listing, first_row, give, message, open_pair, small_state

MARKETS = (
    Listing(price=10.0, maker_fee=-0.0001, taker_fee=0.0007),
    Listing(kind="spot", price=0.5, maker_fee=0.0003),
    Listing(price=20.0, tiers=((0, 0.1, 0.05), (0.1, 0.2, 0.1), (1.0, 0.5, 0.25))),
)
N_ACCOUNTS = 5
EXECUTE = from_python(execute)


@dataclass
class Draw:
    """One drawn order, in small numbers: the price is a distance from the mark."""

    action: int
    account: int
    market: int
    side: int
    offset: int
    quantity: int
    life: int
    flags: int
    author_class: int
    back: int  # which of the earlier resting orders it cancels


draws = st.builds(
    Draw,
    action=st.sampled_from([LIMIT, LIMIT, LIMIT, CANCEL, MARKET_ORDER, REPLACE]),
    account=st.integers(0, N_ACCOUNTS - 1),
    market=st.integers(0, len(MARKETS) - 1),
    side=st.sampled_from([1, -1]),
    offset=st.integers(-4, 4),
    quantity=st.integers(1, 30),
    life=st.sampled_from([0, 0, 0, 1, 2]),
    flags=st.sampled_from([0, 0, 0, 1, 2, 2, 3, 4]),
    author_class=st.integers(EXOGENOUS, N_CLASSES - 1),
    back=st.integers(0, 5),
)
streams = st.lists(draws, min_size=5, max_size=40)
policies = st.sampled_from([SELF_ALLOW, SELF_CANCEL_RESTING, SELF_CANCEL_TAKER])
wealths = st.lists(st.integers(0, 200), min_size=N_ACCOUNTS, max_size=N_ACCOUNTS)


def market_with(wealth: list[int], policy: int) -> State:
    """Accounts with some money (thousandths of a quote), coins and positions."""
    state = small_state(N_ACCOUNTS, MARKETS, price_levels=4096, orders=256, pages=64, slots=1)
    state.book.ladders["self_trade"] = policy
    first = first_row(state)
    for i, amount in enumerate(wealth):
        give(state, first + i, amount / 1000)
        give(state, first + i, 0.001 * (amount % 30), asset=1)
    open_pair(state, first, first + 1, 7)
    open_pair(state, first + 2, first, 5, market=2)
    return state


@dataclass
class Session:
    """A market under test and its twin, that receive the same orders."""

    state: State
    twin: NaiveMarket = field(init=False)
    handles: list[int] = field(default_factory=list)
    places: dict[int, tuple[int, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.twin = NaiveMarket(self.state)

    def send(self, draw: Draw) -> None:
        """Send one order to both; they must agree on whether it is refused, and why."""
        state = self.state
        handle = self.handles[-1 - draw.back] if draw.back < len(self.handles) else 0
        row = first_row(state) + draw.account
        price = int(state.ledger.markets["mark"][draw.market]) // 2 + draw.offset
        values = {"action": draw.action, "life": draw.life, "flags": draw.flags}
        record = message(
            row, draw.side, price, draw.quantity, market=draw.market, order=handle,
            author_class=draw.author_class, **values,
        )  # fmt: skip
        assert record.dtype == ORDER
        before = state.log.counters.copy()
        rests = int(EXECUTE(state.book, state.ledger, state.log, record[0]))
        counted = [REASONS[i] for i in (state.log.counters - before).nonzero()[0] if i > 0]
        plain = Message(side=draw.side, price=price, quantity=draw.quantity, account=row, **values)
        command = Command(plain, draw.market, draw.author_class, self.places.get(handle))
        number = self.twin.books[draw.market].count
        refused = self.twin.execute(command, has_margin=REASONS[NO_MARGIN] not in counted)
        assert counted == ([refused] if refused else [])
        if rests:
            self.handles.append(rests)
            self.places[rests] = (draw.market, number)
