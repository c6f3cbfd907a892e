"""A world whose customers can be asked, and shorthands for orders that nobody can deliver."""

import re
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import text

from activities.shortages import ShortageActivities
from adapters.database import customer_questions
from models.backordering import Answer, CustomerChoice, LineAnswer
from models.contracts import OrderRequest, PlanRequest, PlanResult, QuestionEnding, QuestionSettled, Shortage
from tests.activities.world import ARTICLE, START, World

OTHER = "8411061123463"
CUSTOMERS = {"public_url": "https://orders.planted.example/dw/", "link_secret_env": "CUSTOMER_LINK_SECRET"}
CHOICES = {"wait": CustomerChoice.WAIT, "cancel": CustomerChoice.CANCEL_LINE}


class Shop:
    """Orders in a world, their plans and their questions."""

    def __init__(self, world: World, **backorders: Any) -> None:
        self.world = world
        self.plans = 0
        self.shortages = ShortageActivities(world.deps)
        for supplier in world.suppliers.values():
            supplier.stock = {ARTICLE: 0, OTHER: 0}
        world.configure(customers=CUSTOMERS, backorders=backorders)

    def stock(self, units: int, ean: str = ARTICLE, supplier: str = "bts") -> None:
        self.world.suppliers[supplier].stock[ean] = units

    def order(self, *quantities: int, articles: tuple[str, ...] = (), **more: Any) -> OrderRequest:
        order = self.world.sell(*quantities, **more)
        lines = list(self.world.shop.barcodes)[-max(1, len(quantities)) :]
        self.world.shop.barcodes |= dict(zip(lines, articles, strict=False))
        self.world.screen(order)
        return order

    def plan(self, order: OrderRequest, plan_no: int = 1, at: datetime | None = None, **more: Any) -> PlanResult:
        """Plan it, each time a second later."""
        at, self.plans = at or START + timedelta(seconds=self.plans), self.plans + 1
        request = PlanRequest(order_id=order.order_id, channel="main", plan_no=plan_no, **more)
        return self.world.run(
            self.world.orders.plan_order, request, at=at, workflow_id=f"order/main/{order.storefront_order_id}"
        )

    def short(self, order: OrderRequest, plan_no: int = 1, **more: Any) -> Shortage:
        plan = self.plan(order, plan_no, **more)
        assert plan.shortage is not None
        return plan.shortage

    def asked(self, *quantities: int, **more: Any) -> tuple[OrderRequest, int]:
        """An order whose customer is asked."""
        order = self.order(*quantities, **more)
        question_id = self.short(order).question_id
        assert question_id is not None
        return order, question_id

    def answer(self, question_id: int, *words: str, at: datetime = START) -> bool:
        """Store a customer's answer: a word for each line (wait, cancel, or an EAN instead), or "all"."""
        with self.world.database.begin() as tx:
            question = customer_questions.read(tx, question_id)
            assert question is not None
            given = [_line(line.line_id, word) for line, word in zip(question.lines, words, strict=False)]
            answer = Answer(cancel_all=True) if words == ("all",) else Answer(lines=tuple(given))
            return customer_questions.answer(tx, question_id, answer, now=at)

    def settle(
        self, order: OrderRequest, question_id: int, *, overtaken: bool = False, at: datetime = START
    ) -> QuestionSettled:
        ending = QuestionEnding(order_id=order.order_id, channel="main", question_id=question_id, overtaken=overtaken)
        return self.world.run(self.shortages.settle_question, ending, at=at)

    def backorders(self) -> list[dict[str, Any]]:
        return self.world.rows("SELECT * FROM backorders WHERE ended_at IS NULL ORDER BY id")

    def lines(self, order: OrderRequest) -> list[dict[str, Any]]:
        return self.world.rows("SELECT * FROM order_lines WHERE order_id = :id ORDER BY position", id=order.order_id)

    def mails(self) -> list[dict[str, Any]]:
        return self.world.rows("SELECT * FROM mails WHERE kind = 'question' ORDER BY id")

    def token(self) -> str:
        """The token of the newest question's mail."""
        found = re.search(r"https://orders\.planted\.example/dw/c/(\S+)", self.mails()[-1]["body"])
        assert found is not None
        return found[1]

    def events(self, order: OrderRequest) -> list[str]:
        return [
            row["event"]
            for row in self.world.rows("SELECT event FROM timeline WHERE order_id = :id ORDER BY id", id=order.order_id)
        ]

    def execute(self, statement: str, **values: Any) -> None:
        with self.world.database.begin() as tx:
            tx.execute(text(statement), values)


def _line(line_id: str, word: str) -> LineAnswer:
    if word in CHOICES:
        return LineAnswer.model_validate({"line_id": line_id, "choice": CHOICES[word]})
    return LineAnswer(line_id=line_id, choice=CustomerChoice.ALTERNATIVE, ean=word)


__all__ = ["ARTICLE", "CUSTOMERS", "OTHER", "Shop"]
