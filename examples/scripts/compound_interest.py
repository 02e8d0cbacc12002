"""What becomes of savings: interest on interest, with a deposit at the end of each period."""

import farcall

PERIODS = {"yearly": 1, "monthly": 12, "daily": 365}

principal = farcall.variable(1000.0, name="principal", min=0, doc="What is there at the start")
rate = farcall.variable(0.05, name="rate", min=-0.99, max=10, doc="Nominal interest per year: 0.05 is 5 %")
years = farcall.variable(10, name="years", min=0, max=200)
deposit = farcall.variable(0.0, name="deposit", doc="At the end of each period")
compounding = farcall.variable("monthly", name="compounding", choices=("yearly", "monthly", "daily"))

periods = PERIODS[compounding]
balances = [principal]
for _ in range(years):
    balance = balances[-1]
    for _ in range(periods):
        balance += balance * rate / periods + deposit
    balances.append(balance)
paid_in = principal + deposit * periods * years

farcall.result(balances[-1], name="balance", type=float)
farcall.result(balances[-1] - paid_in, name="interest", type=float)
farcall.result(balances, name="by_year", type=list[float], doc="At the start, and after each year")

print(f"{paid_in:.2f} paid in, {balances[-1]:.2f} after {years} years")
