"""More ways to state and ask for the attributes of people and things.

Kept apart from :mod:`attributes` so that each table stays readable; merged in there.
"""

from __future__ import annotations

# attribute: (statements, questions)
PERSON: dict[str, tuple[list[str], list[str]]] = {
    "city": (
        ["{n} stays in {v} all year.", "You will find {n} in {v}, at home.", "{n} is an inhabitant of {v}.",
         "The address of {n} is in {v}.", "{n} has made {v} a new home.", "{n} dwells in {v}."],
        ["Where can {n} be found at home?", "What is the place where {n} lives?", "Where does {n} stay?",
         "Which place does {n} call home?", "Where has {n} settled?"],
    ),
    "job": (
        ["{n} serves as a {v}.", "{n} was hired as a {v}.", "{n} got a position working as a {v}.",
         "A {v}, {n} works hard.", "{n} is paid to be a {v}.", "The profession of {n} is {v}."],
        ["What occupation does {n} have?", "What is {n} employed as?", "What sort of job does {n} do?",
         "Which trade does {n} follow?", "What is the work of {n}?"],
    ),
    "pet": (
        ["{n} is the owner of a {v}.", "There is a {v} in the house of {n}.", "{n} plays with a pet {v}.",
         "{n} cares for a {v}.", "{n} came home with a {v}."],
        ["What pet lives with {n}?", "What creature does {n} own?", "Which animal does {n} care for?",
         "What kind of animal does {n} have at home?"],
    ),
    "hobby": (
        ["{n} is a fan of {v}.", "{n} passes the time with {v}.", "{n} practices {v} when time allows.",
         "{n} has a passion for {v}.", "{n} gives every free hour to {v}.", "{n} picked {v} as a hobby."],
        ["What does {n} do in free time?", "What is {n} interested in?", "How does {n} pass the time?",
         "What hobby does {n} have?", "What is the pastime of {n}?"],
    ),
    "color": (
        ["{n} prefers {v}.", "{n} would choose {v} as a color.", "{n} picks {v} whenever there is a choice of color.",
         "No color pleases {n} more than {v}."],
        ["What color would {n} choose?", "What color does {n} prefer?", "Which color pleases {n} most?",
         "What is the preferred color of {n}?"],
    ),
    "age": (
        ["{n} is now {v}.", "{n} has lived for {v} years.", "{n} is a person of {v} years.", "{n} is aged about {v}."],
        ["What is the current age of {n}?", "Do you know the age of {n}?", "How many years has {n} lived?",
         "Which age has {n} reached?"],
    ),
    "food": (
        ["{n} enjoys {v}.", "{n} is happy with a plate of {v}.", "{n} loves {v} more than any other food.",
         "{n} buys {v} for every meal.", "On Fridays {n} prepares {v}."],
        ["What does {n} love to eat?", "Which meal does {n} prefer?", "What food does {n} want?",
         "Which food does {n} buy?"],
    ),
    "drink": (
        ["{n} has a cup of {v} after lunch.", "{n} prefers {v} as a drink.", "{n} pours a cup of {v}.",
         "{n} never leaves home without a sip of {v}."],
        ["What drink does {n} prefer?", "What is in the cup of {n}?", "What does {n} order to drink?"],
    ),
    "born": (
        ["{n} first saw the light of day in {v}.", "{n} hails from {v}.", "The parents of {n} had {n} in {v}.",
         "{n} is from {v}.", "By birth {n} belongs to {v}."],
        ["Where does {n} hail from?", "Which place is {n} from?", "From where is {n}?",
         "Which city does {n} come from?"],
    ),
    "language": (
        ["{n} can speak {v}.", "{n} understands {v}.", "{n} uses {v} at work.", "{n} chats in {v}.",
         "{n} has a good command of {v}."],
        ["What language can {n} speak?", "Which language does {n} use?", "What language does {n} understand?",
         "What is the mother tongue of {n}?"],
    ),
    "friend": (
        ["{n} spends every day with a friend, {v}.", "{n} trusts {v}, a close friend.", "{n} calls {v} a friend.",
         "{n} found a friend in {v}."],
        ["Who does {n} call a friend?", "Who is close to {n}?", "What is the friend of {n} named?",
         "Which friend does {n} have?"],
    ),
    "instrument": (
        ["{n} makes music with the {v}.", "{n} owns and plays a {v}.", "{n} gives concerts on the {v}.",
         "{n} studied the {v} as an instrument."],
        ["What does {n} make music with?", "Which instrument can {n} play?", "What instrument has {n} learned?"],
    ),
    "study": (
        ["{n} goes to lectures on {v}.", "{n} reads {v} at college.", "{n} is in the {v} program.",
         "{n} wants a degree in {v}."],
        ["What field does {n} study?", "What is {n} a student of?", "Which degree does {n} want?",
         "What is {n} studying?"],
    ),
}  # fmt: skip
THING: dict[str, tuple[list[str], list[str]]] = {
    "price": (
        ["The {n} goes for {v} dollars.", "{v} dollars is the price of the {n}.", "The {n} can be had for {v} dollars."],
        ["How expensive is the {n}?", "What do they charge for the {n}?", "How many dollars does the {n} cost?"],
    ),
    "color": (
        ["The {n} was dyed {v}.", "The {n} shines in {v}.", "We got the {n} in {v}."],
        ["What is the {n}'s color?", "What color was the {n}?", "Which color do they sell the {n} in?"],
    ),
    "place": (
        ["The {n} lies in the {v}.", "We saw the {n} in the {v}.", "The {n} was placed in the {v}."],
        ["Where was the {n} placed?", "Where did they put the {n}?", "In what room can I see the {n}?"],
    ),
    "maker": (
        ["The {n} comes from the hands of {v}.", "It was {v} who made the {n}.", "{v} crafted the {n}."],
        ["Who crafted the {n}?", "Who invented the {n}?", "Whose hands made the {n}?"],
    ),
    "warranty": (
        ["The {n} is protected for {v} years.", "They repair the {n} for free for {v} years under warranty."],
        ["For how many years does the {n} have a warranty?", "How long is the {n} protected?"],
    ),
    "material": (
        ["The {n} was built from {v}.", "The {n} is a product of {v}.", "{v} was used for the {n}."],
        ["What was used to make the {n}?", "What was the {n} built from?", "Which material does the {n} have?"],
    ),
}  # fmt: skip

POLITE = [
    "Can you tell me: {q}",
    "Please tell me, {q}",
    "I want to know: {q}",
    "Quick question: {q}",
    "So, {q}",
]
"""Frames around any question; ``{q}`` is the question with a small first letter."""
