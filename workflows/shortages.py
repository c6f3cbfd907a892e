"""What nobody can deliver now: an order waits for stock, for its customer or for a person, each until a deadline.

Whatever ends such a wait, the order is planned again, with the word that was given on what is still missing.
"""

from datetime import timedelta
from typing import Any

from temporalio import workflow

from activities.shortages import ShortageActivities
from models.backordering import CustomerChoice, ShortageAction
from models.commands import Command, CommandName, CustomerAnswered, StockArrived
from models.contracts import OrderRequest, PlanResult, QuestionEnding, QuestionSettled, Shortage, ShortageWord
from models.tasks import OpenTask
from workflows import options
from workflows.shares import Shares
from workflows.steering import Ended

_WORDS = (CommandName.WAIT, CommandName.ASK_CUSTOMER, CommandName.SHIP_AVAILABLE)


class Shortages(Shares):
    """An order that may lack units. ``_word`` overrules the merchant's policy until nothing is missing any more."""

    def __init__(self, request: OrderRequest) -> None:
        super().__init__(request)
        self._shortage: Shortage | None = None
        self._word: ShortageWord | None = None
        self._ship_available = False
        self._stock_came = False
        self._stock_had_come = False  # before the newest plan
        self._answered: list[int] = []  # questions that the customer has answered

    # Messages.

    @workflow.signal(description="Something that the order lacked may be had now.")
    async def stock_arrived(self, *args: Any) -> None:
        """Plan again what was missing."""
        if await self._read("stock_arrived", StockArrived, args):
            self._stock_came = True
            self._news += 1 if self._shortage else 0

    @workflow.signal(description="The customer has answered; the answer is stored with the question.")
    async def customer_answered(self, *args: Any) -> None:
        """Take up what the customer has decided."""
        event = await self._read("customer_answered", CustomerAnswered, args)
        if event:
            self._answered.append(event.question_id)

    def _refusal_to_release(self) -> str | None:
        return None if self._shortage else super()._refusal_to_release()

    def _refusal_of(self, command: Command) -> str | None:
        """A wait by policy takes a person's word on it, as if a person had been asked."""
        if command.command in _WORDS:
            return None if self._shortage else "nothing is missing here that this could be a word on"
        return super()._refusal_of(command)

    async def _on_taken(self, command: Command, *, answered: bool) -> None:
        if self._shortage and not answered:
            if command.command in _WORDS:
                self._take_word(command)
                self._uncovered = True
            elif command.command is CommandName.RELEASE:
                self._look_up()
        await super()._on_taken(command, answered=answered)

    # The wait.

    def _take_stock_of(self, plan: PlanResult | None) -> None:
        """Keep what a plan has left over, and forget the word that it has carried out."""
        self._shortage = plan.shortage if plan else None
        if self._shortage and self._shortage.action is ShortageAction.CANCEL:
            self._shortage = None  # the units count as cancelled
        if self._shortage is None:
            self._word, self._ship_available = None, False
        elif self._stock_had_come:  # and the others can't deliver it: it may be theirs who had none before
            self._consider_again_who_had_none()

    async def _await_what_is_short(self, shortage: Shortage) -> None:
        """Wait for whoever can end the shortage; then everything is planned again."""
        if shortage.task is not None:
            await self._await_person(shortage.task)
        elif shortage.question_id is not None:
            await self._await_customer(shortage, shortage.question_id)
        else:
            await self._await_stock(shortage)
        self._uncovered = True

    async def _await_stock(self, shortage: Shortage) -> None:
        self._show(stage="AwaitingStock")
        if not await self._news_before_the_deadline(shortage):
            self._word = ShortageWord(action=shortage.then)

    async def _await_customer(self, shortage: Shortage, question_id: int) -> None:
        """Take the customer's answer, or the default of one who was silent; stock and a cancel overtake the question."""
        self._show(stage="AwaitingCustomer")
        in_time = await self._news_before_the_deadline(shortage)
        answered = question_id in self._answered
        if in_time and not (answered or self._stock_came or self._cancel_wanted):
            return  # a purchase order came back: the plan for its units keeps the question, or asks anew
        settled = await self._settle_question(question_id, overtaken=in_time and not answered)
        self._shortage, self._word = None, settled.word
        self._cancel_wanted |= settled.choice is CustomerChoice.CANCEL_ALL

    async def _take_the_question_back(self) -> None:
        """The order ends: what its customer was asked is no longer the question."""
        if self._shortage and self._shortage.question_id is not None:
            await self._settle_question(self._shortage.question_id, overtaken=True)

    async def _settle_question(self, question_id: int, *, overtaken: bool) -> QuestionSettled:
        ending = QuestionEnding(**self._ref.model_dump(), question_id=question_id, overtaken=overtaken)
        summary = "Take the customer's question back" if overtaken else "Take the customer's answer, or the default"
        return await workflow.execute_activity_method(
            ShortageActivities.settle_question, ending, **options.record(summary)
        )

    async def _await_person(self, task: OpenTask) -> None:
        answer = await self._ask_about(task)
        if answer is not None:
            self._take_word(answer)

    def _take_word(self, answer: Command) -> None:
        """Keep what a person has decided; it takes the place of the word before."""
        self._ship_available = False
        match answer.command:
            case CommandName.RELEASE:
                self._consider_all_again()
                self._word = None
            case CommandName.WAIT if answer.wait_for:
                until = workflow.now() + answer.wait_for
                self._word = ShortageWord(action=ShortageAction.WAIT, until=until, then=ShortageAction.ASK_PERSON)
            case CommandName.ASK_CUSTOMER:
                self._word = ShortageWord(action=ShortageAction.ASK_CUSTOMER)
            case CommandName.SHIP_AVAILABLE:
                self._word = ShortageWord(action=ShortageAction.CANCEL)
                self._ship_available = True

    async def _news_before_the_deadline(self, shortage: Shortage) -> bool:
        left = (shortage.until - workflow.now()) if shortage.until else options.LONGEST_SHORTAGE
        summary = f"Until then {shortage.units} units are waited for; then: {shortage.then.replace('_', ' ')}"
        try:
            await workflow.wait_condition(
                lambda: self._shortage_has_news(shortage),
                timeout=max(left, timedelta(0)),
                timeout_summary=summary,
            )
        except TimeoutError:
            return False
        return True

    def _shortage_has_news(self, shortage: Shortage) -> bool:
        answered = shortage.question_id in self._answered
        return answered or self._stock_came or self._uncovered or self._cancel_wanted or bool(self._lost)

    # What every stage of an order shares.

    async def _ask_about(self, task: OpenTask | None) -> Command | None:
        """Ask; a cancel ends the story at once, whoever wants it."""
        self._leave_if_called_off()
        assert task is not None
        # The question of a hold would take this one's place for good: it is asked once a person has answered.
        answer = await self._ask(task)
        if answer is None:
            self._leave_if_called_off()
            return None
        self._cancel_wanted |= answer.command is CommandName.CANCEL
        await self._leave_if_cancelled()
        return answer

    async def _leave_if_cancelled(self) -> None:
        await self._gate()
        self._leave_if_called_off()

    def _leave_if_called_off(self) -> None:
        if self._cancel_wanted:
            raise Ended(None)
