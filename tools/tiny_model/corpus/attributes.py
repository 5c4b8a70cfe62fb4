"""What can be said and asked about people, things, companies and places.

Each attribute has many wordings. ``[a|b]`` is an alternative, ``{n}`` the subject, ``{v}`` the
value. The ``held_*`` wordings are kept out of training and used to measure wording never seen.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from . import more_wordings, words
from .base import Split, expand

ValueMaker = Callable[[random.Random, Split], str]


@dataclass(frozen=True)
class Attribute:
    """One attribute of a kind of subject."""

    noun: str
    value: ValueMaker
    statements: list[str]
    held_statements: list[str]
    questions: list[str]
    held_questions: list[str]
    sentence: str

    def state(self, rng: random.Random, split: Split, subject: str, value: str) -> str:
        """A sentence that states the value."""
        forms = self.held_statements if split.wording else self.statements
        return expand(rng, rng.choice(forms), n=subject, v=value)

    def ask(self, rng: random.Random, split: Split, subject: str) -> str:
        """A question for the value."""
        forms = self.held_questions if split.wording else self.questions
        question = expand(rng, rng.choice(forms), n=subject)
        if not split.wording and rng.random() < 0.05:
            small = question[0].lower() + question[1:]
            return rng.choice(more_wordings.POLITE).format(q=small)
        return question


def _from(options: list[str]) -> ValueMaker:
    return lambda rng, split: rng.choice(options)


def _number(low: int, high: int) -> ValueMaker:
    return lambda rng, split: str(rng.randint(low, high))


PERSON = {
    "city": Attribute(
        "home",
        words.city,
        [
            "{n} lives in {v}.",
            "{n} has [a house|a flat|an apartment|a home] in {v}.",
            "The home of {n} is in {v}.",
            "{n} moved to {v} [last year|recently|two years ago] and lives there.",
            "{n} is based in {v}.",
            "{n} [lives|is living] in the city of {v}.",
            "{n} [settled|settled down] in {v}.",
            "These days {n} lives in {v}.",
            "{n} rents [a room|a place|a small flat] in {v}.",
            "{n}'s home is in {v}.",
            "{v} is where {n} lives.",
            "{n} has been living in {v} for years.",
            "{n} shares a flat in {v} with a friend.",
        ],
        [
            "{n} is a resident of {v}.",
            "The city {n} calls home is {v}.",
            "{n} now lives over in {v}.",
        ],
        [
            "Where does {n} live?",
            "[Which|What] city does {n} live in?",
            "In which city [is the home of {n}|does {n} live]?",
            "Where is {n} living?",
            "Where is the home of {n}?",
            "What is the home city of {n}?",
            "Where is {n}'s home?",
            "Tell me where {n} lives.",
            "In what city is {n} based?",
            "[Which|What] city is home to {n}?",
            "where does {n} live",
        ],
        ["What city is {n} living in?", "Do you know where {n} lives?"],
        "{n} lives in {v}.",
    ),
    "job": Attribute(
        "job",
        _from(words.JOBS),
        [
            "{n} works as a {v}.",
            "{n} is a {v}.",
            "{n} earns a living as a {v}.",
            "The job of {n} is {v}.",
            "{n} is a [trained|skilled|well known|young|retired] {v}.",
            "{n} found work as a {v}.",
            "{n} has a job as a {v}.",
            "{n} became a {v} [last year|in the spring|after school].",
            "By [trade|profession], {n} is a {v}.",
            "{n} makes money as a {v}.",
            "{n}'s job is {v}.",
            "Everybody knows {n}, the {v}.",
            "{n} has worked as a {v} for years.",
        ],
        [
            "{n} is employed as a {v}.",
            "{n} took a position as a {v}.",
            "{n} is a {v} by occupation.",
        ],
        [
            "What is the job of {n}?",
            "What does {n} work as?",
            "What does {n} do for a living?",
            "[What|Which] job does {n} have?",
            "What is {n}'s profession?",
            "What is the profession of {n}?",
            "How does {n} earn a living?",
            "What does {n} do for work?",
            "As what does {n} work?",
            "what is {n}'s occupation",
            "Tell me the job of {n}.",
        ],
        ["What is {n}'s job?", "What kind of work does {n} do?"],
        "{n} works as a {v}.",
    ),
    "pet": Attribute(
        "pet",
        _from(words.PETS),
        [
            "{n} has a {v}.",
            "{n} owns a {v}.",
            "{n} keeps a {v} at home.",
            "The pet of {n} is a {v}.",
            "{n} [got|bought|adopted|found] a {v} [last week|last year|in May|as a pet].",
            "{n}'s pet is a {v}.",
            "{n} has a [small|young|lazy|friendly] {v} as a pet.",
            "{n} feeds a {v} every morning.",
            "A {v} lives with {n}.",
            "{n} goes for walks with a {v}.",
            "At home {n} has a {v}.",
        ],
        [
            "{n} takes care of a {v}.",
            "{n} shares the house with a pet {v}.",
            "{n} looks after a {v}.",
        ],
        [
            "What pet does {n} have?",
            "Which animal does {n} own?",
            "What is the pet of {n}?",
            "[What|Which] animal does {n} have?",
            "What kind of pet does {n} have?",
            "What is {n}'s pet?",
            "What animal lives with {n}?",
            "What pet does {n} own?",
            "Tell me which pet {n} has.",
            "what kind of animal does {n} keep",
        ],
        ["Which pet does {n} keep?", "What sort of animal does {n} have at home?"],
        "{n} has a {v}.",
    ),
    "hobby": Attribute(
        "hobby",
        _from(words.HOBBIES),
        [
            "{n} likes {v}.",
            "The hobby of {n} is {v}.",
            "{n} enjoys {v} on weekends.",
            "In the evening {n} does some {v}.",
            "{n}'s hobby is {v}.",
            "{n}'s favorite [hobby|pastime] is {v}.",
            "{n} [took up|started] {v} [last year|as a child|in the summer].",
            "After work {n} enjoys {v}.",
            "{n} is [fond of|crazy about|good at|into] {v}.",
            "On Sundays {n} likes {v}.",
            "{n} fills the weekends with {v}.",
            "For fun, {n} does {v}.",
        ],
        [
            "{n} spends free time on {v}.",
            "{n} has {v} as a hobby.",
            "In spare hours, {n} practices {v}.",
        ],
        [
            "What is the hobby of {n}?",
            "What does {n} enjoy?",
            "What does {n} like to do?",
            "What is {n}'s hobby?",
            "What does {n} do [for fun|on weekends|in the evening|after work]?",
            "What is the favorite hobby of {n}?",
            "What hobby does {n} enjoy?",
            "What is {n} fond of?",
            "Tell me the hobby of {n}.",
            "what are the hobbies of {n}",
        ],
        ["Which hobby does {n} have?", "How does {n} spend free time?"],
        "{n} likes {v}.",
    ),
    "color": Attribute(
        "favorite color",
        _from(words.COLORS),
        [
            "The favorite color of {n} is {v}.",
            "{n} loves the color {v}.",
            "{n}'s favorite color is {v}.",
            "{n} likes {v} best of all colors.",
            "{n} thinks {v} is the [best|nicest] color.",
            "{n} [always|often] wears {v} because it is a favorite color.",
            "The color that {n} likes [best|most] is {v}.",
            "Of all colors, {n} likes {v} most.",
            "{n} painted every wall {v}, the favorite color.",
            "As a color, {n} likes {v}.",
        ],
        ["{n} prefers {v} over all other colors.", "If {n} could pick any color, it would be {v}."],
        [
            "What is the favorite color of {n}?",
            "Which color does {n} love?",
            "[What|Which] color does {n} like [best|most]?",
            "What color is {n}'s favorite?",
            "What is {n}'s favorite color?",
            "[What|Which] color does {n} like?",
            "Tell me the favorite color of {n}.",
            "What is the best color for {n}?",
        ],
        ["Which color does {n} prefer?", "What is the color {n} likes more than others?"],
        "The favorite color of {n} is {v}.",
    ),
    "age": Attribute(
        "age",
        _number(18, 79),
        [
            "{n} is {v} years old.",
            "The age of {n} is {v}.",
            "{n} turned {v} [this year|last week|in June|yesterday].",
            "{n}'s age is {v}.",
            "{n} is {v} years of age.",
            "{n} just turned {v}.",
            "{n} celebrated birthday number {v}.",
            "At {v}, {n} is still young at heart.",
            "{n}, who is {v} years old, feels fine.",
            "{n} has reached the age of {v}.",
        ],
        ["{n} is aged {v}.", "{n} is now {v} years old."],
        [
            "How old is {n}?",
            "What is the age of {n}?",
            "What is {n}'s age?",
            "How many years old is {n}?",
            "Tell me how old {n} is.",
            "What age did {n} turn?",
            "how old is {n}",
        ],
        ["What age is {n}?", "Can you tell me {n}'s age?"],
        "{n} is {v} years old.",
    ),
    "food": Attribute(
        "favorite food",
        _from(words.FOODS),
        [
            "{n} eats {v} for [lunch|dinner|breakfast].",
            "The favorite food of {n} is {v}.",
            "{n} always orders {v}.",
            "{n}'s favorite [food|meal|dish] is {v}.",
            "{n} [had|ate|cooked] {v} [yesterday|last night|today].",
            "{n} likes to eat {v}.",
            "For [lunch|dinner], {n} wants {v}.",
            "{n} could eat {v} every day.",
            "{n} never says no to {v}.",
            "The dish {n} likes best is {v}.",
            "When hungry, {n} makes {v}.",
        ],
        ["{n} loves to eat {v}.", "On the plate of {n} there is always {v}."],
        [
            "What is the favorite food of {n}?",
            "What does {n} eat?",
            "What is {n}'s favorite food?",
            "[What|Which] food does {n} like [best|most|]?",
            "What does {n} like to eat?",
            "What is the favorite dish of {n}?",
            "What does {n} eat for [lunch|dinner]?",
            "Which dish does {n} like?",
            "Tell me the favorite food of {n}.",
        ],
        ["What food does {n} order?", "What would {n} like to eat?"],
        "{n} eats {v}.",
    ),
    "drink": Attribute(
        "favorite drink",
        _from(words.DRINKS),
        [
            "{n} drinks {v} [every morning|at work|with every meal|all day].",
            "The favorite drink of {n} is {v}.",
            "{n} [always|often] orders a glass of {v}.",
            "{n} likes to drink {v}.",
            "{n}'s favorite drink is {v}.",
            "{n} starts the day with {v}.",
            "To drink, {n} takes {v}.",
            "When thirsty, {n} asks for {v}.",
        ],
        ["{n} sips {v} all day.", "{n} would rather drink {v} than anything else."],
        [
            "What does {n} drink?",
            "What is the favorite drink of {n}?",
            "What is {n}'s favorite drink?",
            "[What|Which] drink does {n} like?",
            "What does {n} like to drink?",
            "Tell me what {n} drinks.",
        ],
        ["Which drink does {n} order?", "What does {n} have to drink?"],
        "{n} drinks {v}.",
    ),
    "born": Attribute(
        "birthplace",
        words.city,
        [
            "{n} was born in {v}.",
            "{n} comes from {v}.",
            "The birthplace of {n} is {v}.",
            "{n} was born and raised in {v}.",
            "{n} grew up in {v}, where {n} was born.",
            "{n}'s birthplace is {v}.",
            "{n} was born [in the town of|in the city of|near|close to] {v}.",
            "The place where {n} was born is {v}.",
            "Born in {v}, {n} still thinks of it often.",
            "{v} is the birthplace of {n}.",
        ],
        ["{n} is originally from {v}.", "{n} is a native of {v}."],
        [
            "Where was {n} born?",
            "What is the birthplace of {n}?",
            "In which [city|town] was {n} born?",
            "What is {n}'s birthplace?",
            "Where is {n} from?",
            "What city was {n} born in?",
            "In what place was {n} born?",
            "Tell me where {n} was born.",
        ],
        ["Where does {n} come from?", "Which city does {n} originally come from?"],
        "{n} was born in {v}.",
    ),
    "language": Attribute(
        "language",
        _from(words.LANGUAGES),
        [
            "{n} speaks {v}.",
            "{n} is learning {v}.",
            "The language of {n} is {v}.",
            "{n} speaks [fluent|good|perfect|a little] {v}.",
            "{n} [studied|learned] {v} [at school|for years|in a course].",
            "{n} reads books in {v}.",
            "{n} knows how to speak {v}.",
            "At home {n} speaks {v}.",
            "{n}'s language is {v}.",
            "{n} teaches {v} to children.",
        ],
        ["{n} talks in {v}.", "{n} can hold a conversation in {v}."],
        [
            "[What|Which] language does {n} speak?",
            "Which language does {n} know?",
            "What does {n} speak?",
            "What language is {n} learning?",
            "What is {n}'s language?",
            "In which language does {n} speak?",
            "Tell me the language of {n}.",
        ],
        ["What is the language of {n}?", "Which language can {n} use?"],
        "{n} speaks {v}.",
    ),
    "friend": Attribute(
        "friend",
        words.person,
        [
            "{n} is a friend of {v}.",
            "The best friend of {n} is {v}.",
            "{n} often visits a friend called {v}.",
            "{n}'s best friend is {v}.",
            "{n} and {v}, a good friend, meet often.",
            "{n} has a [close|good|dear|new] friend called {v}.",
            "{n} has a friend named {v}.",
            "A friend of {n} is {v}.",
            "{n} is best friends with {v}.",
        ],
        ["{n} goes everywhere with a friend named {v}.", "{n} counts {v} among close friends."],
        [
            "Who is the friend of {n}?",
            "Who is {n}'s [best|] friend?",
            "Which person is the friend of {n}?",
            "Who is a friend of {n}?",
            "What is the name of {n}'s friend?",
            "With whom is {n} friends?",
            "Tell me who the friend of {n} is.",
        ],
        ["Who is {n} friends with?", "What is the friend of {n} called?"],
        "The friend of {n} is {v}.",
    ),
    "instrument": Attribute(
        "instrument",
        _from(words.INSTRUMENTS),
        [
            "{n} plays the {v}.",
            "{n} [practices|learned|took lessons on] the {v}.",
            "The instrument of {n} is the {v}.",
            "{n}'s instrument is the {v}.",
            "{n} plays the {v} in a band.",
            "{n} is good at playing the {v}.",
            "In the orchestra {n} plays the {v}.",
        ],
        ["{n} performs on the {v}.", "{n} bought a {v} to make music."],
        [
            "[What|Which] instrument does {n} play?",
            "What is the instrument of {n}?",
            "What is {n}'s instrument?",
            "What does {n} play in the band?",
            "Tell me the instrument of {n}.",
        ],
        ["Which instrument is {n} good at?", "What musical instrument does {n} play?"],
        "{n} plays the {v}.",
    ),
    "study": Attribute(
        "subject",
        _from(words.SUBJECTS),
        [
            "{n} studies {v}.",
            "{n} [took|takes] a course in {v}.",
            "{n}'s subject is {v}.",
            "The subject of {n} is {v}.",
            "{n} is a student of {v}.",
            "At university {n} studies {v}.",
            "{n} has a degree in {v}.",
            "{n} teaches {v} at a school.",
        ],
        ["{n} is majoring in {v}.", "{n} went to college for {v}."],
        [
            "What does {n} study?",
            "[What|Which] subject does {n} study?",
            "What is the subject of {n}?",
            "What is {n}'s subject?",
            "In what subject is {n} a student?",
        ],
        ["Which subject is {n} studying?", "What is the field of study of {n}?"],
        "{n} studies {v}.",
    ),
}

THING = {
    "price": Attribute(
        "price",
        _number(2, 99),
        [
            "The {n} costs {v} dollars.",
            "The price of the {n} is {v} dollars.",
            "You can buy the {n} for {v} dollars.",
            "The {n} is priced at {v} dollars.",
            "The shop asks {v} dollars for the {n}.",
            "Someone paid {v} dollars for the {n}.",
            "The {n} is [on sale for|worth|available for] {v} dollars.",
            "For the {n} you pay {v} dollars.",
        ],
        ["The {n} sells for {v} dollars.", "They want {v} dollars for the {n}."],
        [
            "How much does the {n} cost?",
            "What is the price of the {n}?",
            "What does the {n} cost?",
            "How much is the {n}?",
            "How much do I pay for the {n}?",
            "What price does the {n} have?",
        ],
        ["How many dollars is the {n}?", "For how much can I buy the {n}?"],
        "The {n} costs {v} dollars.",
    ),
    "color": Attribute(
        "color",
        _from(words.COLORS),
        [
            "The {n} is {v}.",
            "The color of the {n} is {v}.",
            "The {n} comes in {v}.",
            "It is a {v} {n}.",
            "The {n} has a {v} color.",
            "The {n} looks {v}.",
            "They sell the {n} in {v}.",
            "The {n} is [bright|dark|light|all] {v}.",
        ],
        ["The {n} is painted {v}.", "The {n} was ordered in {v}."],
        [
            "What color is the {n}?",
            "Which color does the {n} have?",
            "What color does the {n} have?",
            "The {n} has which color?",
            "In which color does the {n} come?",
            "Tell me the color of the {n}.",
        ],
        ["What is the color of the {n}?", "Which color is the {n}?"],
        "The {n} is {v}.",
    ),
    "place": Attribute(
        "place",
        _from(words.ROOMS),
        [
            "The {n} is in the {v}.",
            "Someone left the {n} in the {v}.",
            "You can find the {n} in the {v}.",
            "The {n} stands in the {v}.",
            "The {n} is [kept|stored|hidden] in the {v}.",
            "They moved the {n} to the {v}.",
            "Look for the {n} in the {v}.",
            "There is a {n} in the {v}.",
        ],
        ["The {n} was put in the {v}.", "The {n} can be seen in the {v}."],
        [
            "Where is the {n}?",
            "In which room is the {n}?",
            "Where can I find the {n}?",
            "Where did someone leave the {n}?",
            "What room is the {n} in?",
            "Where is the {n} kept?",
            "where is the {n}",
        ],
        ["Where should I look for the {n}?", "Which room has the {n}?"],
        "The {n} is in the {v}.",
    ),
    "maker": Attribute(
        "maker",
        words.person,
        [
            "The {n} was made by {v}.",
            "{v} built the {n}.",
            "The maker of the {n} is {v}.",
            "{v} made the {n}.",
            "The {n} was [built|created] by {v}.",
            "The person who made the {n} is {v}.",
            "{v} invented the {n}.",
        ],
        ["{v} designed the {n}.", "The {n} is the work of {v}."],
        [
            "Who made the {n}?",
            "Who is the maker of the {n}?",
            "Who built the {n}?",
            "By whom was the {n} made?",
            "Which person made the {n}?",
            "Who created the {n}?",
        ],
        ["Who was the {n} made by?", "Whose work is the {n}?"],
        "The {n} was made by {v}.",
    ),
    "warranty": Attribute(
        "warranty",
        _number(1, 12),
        [
            "The {n} has a warranty of {v} years.",
            "The warranty of the {n} lasts {v} years.",
            "The warranty of the {n} is {v} years.",
            "The {n} comes with {v} years of warranty.",
            "There is a warranty of {v} years on the {n}.",
        ],
        ["The {n} is covered for {v} years.", "The {n} is under warranty for {v} years."],
        [
            "How long is the warranty of the {n}?",
            "How many years is the warranty of the {n}?",
            "What is the warranty of the {n}?",
            "How long does the warranty of the {n} last?",
            "What warranty does the {n} have?",
        ],
        ["How many years of warranty does the {n} have?", "For how long is the {n} covered?"],
        "The warranty of the {n} lasts {v} years.",
    ),
    "material": Attribute(
        "material",
        _from(words.MATERIALS),
        [
            "The {n} is made of {v}.",
            "The material of the {n} is {v}.",
            "They make the {n} from {v}.",
            "The {n} is [all|mostly|pure] {v}.",
            "The {n} has a body of {v}.",
        ],
        ["The {n} consists of {v}.", "{v} is what the {n} is made from."],
        [
            "What is the {n} made of?",
            "What material is the {n}?",
            "What is the material of the {n}?",
            "Of what is the {n} made?",
        ],
        ["Which material is used for the {n}?", "What is the {n} made from?"],
        "The {n} is made of {v}.",
    ),
}

COMPANY = {
    "seat": Attribute(
        "office",
        words.city,
        [
            "{n} has its office in {v}.",
            "The company {n} is based in {v}.",
            "The [main office|head office|seat] of {n} is in {v}.",
            "{n} is a company in {v}.",
            "{n} opened an office in {v}.",
        ],
        ["{n} is headquartered in {v}.", "The firm {n} sits in {v}."],
        [
            "Where is {n} based?",
            "In which city is {n}?",
            "Where is the office of {n}?",
            "Which city is {n} based in?",
        ],
        ["Where does {n} have its office?", "In what city does {n} sit?"],
        "{n} is based in {v}.",
    ),
    "founder": Attribute(
        "founder",
        words.person,
        [
            "{n} was founded by {v}.",
            "{v} founded {n}.",
            "The founder of {n} is {v}.",
            "{v} started the company {n}.",
            "{n} was started by {v}.",
        ],
        ["{v} set up {n}.", "{n} goes back to its founder {v}."],
        [
            "Who founded {n}?",
            "Who is the founder of {n}?",
            "Who started {n}?",
            "By whom was {n} founded?",
        ],
        ["Who was {n} founded by?", "Which person started {n}?"],
        "{n} was founded by {v}.",
    ),
    "year": Attribute(
        "founding year",
        _number(1950, 2023),
        [
            "{n} was founded in {v}.",
            "{n} was started in {v}.",
            "{n} has existed since {v}.",
            "The company {n} opened in {v}.",
            "The founding year of {n} is {v}.",
        ],
        ["{n} began in {v}.", "{n} has been in business since {v}."],
        [
            "When was {n} founded?",
            "In which year was {n} founded?",
            "What year was {n} started?",
            "Since when does {n} exist?",
        ],
        ["When did {n} begin?", "What is the founding year of {n}?"],
        "{n} was founded in {v}.",
    ),
    "product": Attribute(
        "product",
        lambda rng, split: rng.choice(words.THINGS),
        [
            "{n} sells {v}.",
            "{n} makes {v}.",
            "The product of {n} is {v}.",
            "{n} is known for its {v}.",
            "{n} produces {v}.",
        ],
        ["{n} is in the business of {v}.", "The main product of {n} is {v}."],
        [
            "What does {n} sell?",
            "What does {n} make?",
            "What is the product of {n}?",
            "What does {n} produce?",
        ],
        ["What is {n} known for?", "What can I buy from {n}?"],
        "{n} sells {v}.",
    ),
}

EVENT = {
    "day": Attribute(
        "day",
        _from(words.DAYS),
        [
            "The {n} is on {v}.",
            "The {n} takes place on {v}.",
            "They hold the {n} on {v}.",
            "The {n} was moved to {v}.",
            "Come to the {n} on {v}.",
        ],
        ["The {n} happens on {v}.", "{v} is the day of the {n}."],
        [
            "When is the {n}?",
            "On which day is the {n}?",
            "What day is the {n}?",
            "When does the {n} take place?",
        ],
        ["Which day is the {n}?", "On what day do they hold the {n}?"],
        "The {n} is on {v}.",
    ),
    "host": Attribute(
        "host",
        words.person,
        [
            "The {n} is led by {v}.",
            "{v} leads the {n}.",
            "The host of the {n} is {v}.",
            "{v} organizes the {n}.",
            "The {n} is organized by {v}.",
        ],
        ["{v} is in charge of the {n}.", "The {n} is run by {v}."],
        [
            "Who leads the {n}?",
            "Who is the host of the {n}?",
            "Who organizes the {n}?",
            "By whom is the {n} led?",
        ],
        ["Who is in charge of the {n}?", "Who runs the {n}?"],
        "The {n} is led by {v}.",
    ),
    "room": Attribute(
        "room",
        _from(words.ROOMS),
        [
            "The {n} is held in the {v}.",
            "The {n} takes place in the {v}.",
            "The room of the {n} is the {v}.",
            "Everyone meets in the {v} for the {n}.",
        ],
        ["They gather in the {v} for the {n}.", "The {n} is in the {v}."],
        [
            "Where is the {n}?",
            "In which room is the {n}?",
            "Where does the {n} take place?",
            "Where is the {n} held?",
        ],
        ["Which room is the {n} in?", "Where do I go for the {n}?"],
        "The {n} is in the {v}.",
    ),
}

COUNTRY = {
    "capital": Attribute(
        "capital",
        words.city,
        [
            "The capital of {n} is {v}.",
            "{v} is the capital of {n}.",
            "{n} has its capital in {v}.",
            "The capital city of {n} is {v}.",
            "{n} is a country with the capital {v}.",
        ],
        ["The government of {n} sits in the capital, {v}.", "{n}'s capital is called {v}."],
        [
            "What is the capital of {n}?",
            "Which city is the capital of {n}?",
            "What is {n}'s capital?",
            "Name the capital of {n}.",
            "what is the capital city of {n}",
        ],
        ["What city is the capital of {n}?", "What is the capital of {n} called?"],
        "The capital of {n} is {v}.",
    ),
    "tongue": Attribute(
        "language",
        _from(words.LANGUAGES),
        [
            "The people of {n} speak {v}.",
            "In {n} people speak {v}.",
            "The language of {n} is {v}.",
            "{v} is the language of {n}.",
        ],
        ["{v} is spoken in {n}.", "Most people in {n} talk in {v}."],
        [
            "What language do people speak in {n}?",
            "What is the language of {n}?",
            "Which language is used in {n}?",
        ],
        ["Which language is spoken in {n}?", "What do people in {n} speak?"],
        "The language of {n} is {v}.",
    ),
    "river": Attribute(
        "river",
        words.person,
        [
            "The longest river of {n} is the {v}.",
            "The river {v} flows through {n}.",
            "The {v} is the longest river in {n}.",
            "The river of {n} is called {v}.",
        ],
        ["Through {n} runs a river called {v}.", "{n} is known for the river {v}."],
        [
            "Which river flows through {n}?",
            "What is the longest river of {n}?",
            "What is the river of {n} called?",
        ],
        ["What river is in {n}?", "What is the name of the river in {n}?"],
        "The river of {n} is the {v}.",
    ),
}

for _table, _more in ((PERSON, more_wordings.PERSON), (THING, more_wordings.THING)):
    for _name, (_statements, _questions) in _more.items():
        _table[_name].statements.extend(_statements)
        _table[_name].questions.extend(_questions)

EVENTS = (
    "meeting concert party workshop lesson wedding dinner market race show lecture picnic".split()
)


def _country(rng: random.Random, split: Split) -> str:
    return words.invented_on_side(rng, split.names) + rng.choice(("ia", "land", "a"))


def _company(rng: random.Random, split: Split) -> str:
    name = words.invented_on_side(rng, split.names)
    return name + rng.choice(("", " Labs", " Foods", " Group", " Works", " Tech"))


KINDS: list[tuple[float, ValueMaker, dict[str, Attribute]]] = [
    (0.62, words.person, PERSON),
    (0.20, _from(words.ITEMS), THING),
    (0.06, _company, COMPANY),
    (0.06, _from(EVENTS), EVENT),
    (0.06, _country, COUNTRY),
]


def subject(rng: random.Random, split: Split) -> tuple[str, dict[str, Attribute]]:
    """A subject and the attributes its kind has."""
    draw = rng.random()
    for share, make, attributes in KINDS:
        if draw < share:
            return make(rng, split), attributes
        draw -= share
    return KINDS[0][1](rng, split), PERSON
