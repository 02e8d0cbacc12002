"""What becomes of savings: interest on interest, with a deposit at the end of each period."""

from typing import Annotated, Literal, NamedTuple

import farcall
from farcall import Doc, Range

PERIODS = {"yearly": 1, "monthly": 12, "daily": 365}


class Savings(NamedTuple):
    """What has become of them."""

    balance: float
    interest: float
    by_year: Annotated[list[float], Doc("At the start, and after each year")]


@farcall.function
def compound_interest(
    principal: Annotated[float, Range(0), Doc("What is there at the start")] = 1000.0,
    rate: Annotated[float, Range(-0.99, 10), Doc("Nominal interest per year: 0.05 is 5 %")] = 0.05,
    years: Annotated[int, Range(0, 200)] = 10,
    deposit: Annotated[float, Doc("At the end of each period")] = 0.0,
    compounding: Literal["yearly", "monthly", "daily"] = "monthly",
) -> Savings:
    """The balance of savings, year by year."""
    periods = PERIODS[compounding]
    by_year = [principal]
    for _ in range(years):
        balance = by_year[-1]
        for _ in range(periods):
            balance += balance * rate / periods + deposit
        by_year.append(balance)
    paid_in = principal + deposit * periods * years
    return Savings(by_year[-1], by_year[-1] - paid_in, by_year)


if __name__ == "__main__":
    print(compound_interest(years=2))
