"""What customers write. ``{S}`` is what the ticket is about ("My order A-1043"), ``{s}`` the same
inside a sentence, ``{i}`` an article, ``{d}`` a number, ``{c}`` a city."""

from __future__ import annotations

CATEGORIES = ["billing", "shipping", "damage", "technical", "account", "other"]

_BAD = (
    "broken|damaged|cracked|smashed|in pieces|with a crack|with scratches|dented|with a broken lid"
    "|ruined|scratched|bent|torn|with a hole|totally broken|completely damaged|with a dent"
)

ISSUES = {
    "billing": [
        "I was [charged|billed] [twice|two times|double] for {s}.",
        "My [invoice|bill] [shows|has] the wrong [amount|total].",
        "There is a [fee|charge] of {d} dollars on my [bill|invoice|card] that I do not [know|recognize].",
        "The payment for {s} failed but my card was charged.",
        "Why did the price on my [invoice|bill] go up?",
        "My [credit card|card|bank account] was [billed|charged] {d} dollars by mistake.",
        "The [receipt|invoice] for {s} has the wrong [total|price|amount].",
        "I see a [strange|unknown|second] [charge|payment] on my [card|account statement].",
        "The discount was missing from my [bill|invoice|receipt].",
        "You [took|charged] {d} dollars too much.",
        "I paid too much for {s}.",
        "I [need|want|did not get] [an invoice|a receipt|the bill] for {s}.",
        "The [coupon|discount code] did not work when I paid.",
        "My [monthly|yearly] [fee|bill] is too high.",
        "I was charged after I canceled my [plan|subscription].",
        "Can you explain the [bill|charge|invoice] for {s}?",
        "The tax on my invoice is wrong.",
        "I paid {d} dollars but the [bill|invoice] says more.",
        "Your shop charged my card [again|twice|without reason].",
    ],
    "shipping": [
        "{S} has not arrived[| yet].",
        "{S} [is late|is very late|never arrived|never came|did not come|is lost|got lost].",
        "The [tracking page|tracking] says {s} is still in the warehouse.",
        "{S} was [delivered|sent] to the wrong [address|house|street].",
        "When will {s} [be delivered|arrive|come|ship]?",
        "The courier lost {s}.",
        "{S} should have been here {d} days ago.",
        "The delivery of {s} is [delayed|late].",
        "I have been waiting {d} days for {s}.",
        "Where is {s}?",
        "I am still waiting for {s}.",
        "{S} has been [in transit|on the way|stuck] for {d} days.",
        "The tracking number [of {s} |]does not work.",
        "Has {s} been [shipped|sent] yet?",
        "The driver left {s} at the wrong [door|place].",
        "Can you ship {s} to {c}?",
        "How long does delivery to {c} take?",
        "Please send {s} to a new address.",
        "My [package|parcel] has not [arrived|come].",
        "The [package|parcel] with {s} is [late|lost|missing].",
    ],
    "damage": [
        f"{{S}} arrived [{_BAD}].",
        f"{{S}} [came|was delivered|showed up|got here] [{_BAD}].",
        "{S} is [broken|damaged|cracked|scratched|dented|torn|bent|in pieces].",
        "I [got|received] {s} and it is [broken|damaged|cracked|scratched|torn].",
        "There is a [crack|hole|scratch|dent|tear] in {s}.",
        "The box was [crushed|wet|open|torn] and {s} is [broken|damaged|ruined].",
        "{S} broke [on the way|during delivery|in the box|in transit].",
        "{S} was [broken|damaged|cracked] when it [arrived|came].",
        "{S} has [a crack|scratches|a big scratch|a hole|a dent].",
        "A part of {s} is [broken|cracked|bent] off.",
        "You sent me a [broken|damaged|cracked] {i}.",
        "I opened the box and {s} was [broken|damaged|in pieces|cracked].",
        "The [glass|handle|cover|leg] of {s} is [broken|cracked|damaged].",
        "{S} got [damaged|broken] [in the mail|on the way|during shipping].",
        "Both sides of {s} are [damaged|scratched|dented].",
        "My new {i} came [broken|damaged|cracked|scratched].",
        "[Everything|Half of it] in {s} was [broken|smashed].",
    ],
    "technical": [
        "{S} does not turn on.",
        "The [app|website|program] crashes when I open it.",
        "{S} shows [an error|an error code|error {d}|error code {d}].",
        "The screen of {s} [stays|is] [black|dark|blank].",
        "{S} keeps [disconnecting|losing the wifi|restarting|freezing].",
        "After the update {s} stopped working.",
        "The [software|app] on {s} [freezes|hangs|is very slow].",
        "The battery of {s} dies after {d} minutes.",
        "{S} [will not|does not|won't] [start|charge|connect|boot].",
        "{S} stopped working [after {d} days|yesterday|suddenly|for no reason].",
        "I cannot connect {s} to [the wifi|my phone|the internet].",
        "The [website|app] [shows an error|does not load|is down].",
        "How do I [set up|install|reset|update] {s}?",
        "{S} [turns off|shuts down|restarts] by itself.",
        "The sound of {s} does not work.",
        "There is a bug in the [app|website|program].",
        "The buttons on {s} do not [react|work|respond].",
        "{S} gets too hot after {d} minutes.",
    ],
    "account": [
        "I cannot [log in|sign in|log in to my account|get into my account].",
        "I forgot my [password|user name|login].",
        "Please change the [email|phone number|name] [on my profile|in my account].",
        "My account was [locked|blocked|closed] after {d} attempts.",
        "How do I [delete|close|change] my account?",
        "The password reset [link|email] does not [work|come].",
        "I want to [update|change] my [user name|password|profile|email address].",
        "Someone else [signed in to|is using|got into] my [profile|account].",
        "My [login code|security code] never comes.",
        "My [login|password] does not work[| anymore].",
        "Please [delete|close] my [account|profile].",
        "I [need|want] a new password.",
        "I cannot [reset|change] my password.",
        "My account [is|was] hacked.",
        "How can I [sign up|create an account|register]?",
        "I have two accounts and want only one.",
        "The site says my password is wrong.",
    ],
    "other": [
        "Do you sell the {i} in {c}?",
        "What are your opening hours?",
        "Is the {i} [available|sold] in {c}?",
        "I would like to know more about the {i}.",
        "Do you have a [store|shop] [near me|in {c}]?",
        "Can I get a catalog of your products?",
        "Are you hiring[| right now]?",
        "Which {i} [do you recommend|is the best]?",
        "Does the {i} come in [red|blue|green|black]?",
        "Do you have gift cards?",
        "When does your [shop|store] open on [Monday|Sunday|Friday]?",
        "I have a [general|] question about your [shop|company].",
        "Is the {i} good for children?",
        "Do you also sell [books|coins|pens|cards]?",
        "How [big|heavy] is the {i}?",
        "Can I visit your [office|shop] in {c}?",
        "Who is the manager of the store in {c}?",
        "Will the {i} be [back|available] in stock?",
    ],
}
HELD_ISSUES = {
    "billing": ["The sum on my invoice for {s} is not correct.", "Two payments for {s} went off my card."],
    "shipping": ["Nobody has delivered {s}.", "According to tracking, {s} is stuck at the depot."],
    "damage": ["When I unpacked {s}, it was in two pieces.", "{S} reached me with a broken corner."],
    "technical": ["{S} is not working since the last update.", "Whenever I start {s}, the screen goes black."],
    "account": ["I am locked out of my account.", "My password is not accepted when I log in."],
    "other": ["What time does your shop close?", "Could you tell me if the {i} is sold in {c}?"],
}

URGENCY = {
    "high": [
        "This is [urgent|very urgent|really urgent|an emergency].",
        "I need [this fixed|help|an answer|it] [today|right now|now|immediately|at once].",
        "Please help [as soon as possible|right away|immediately|asap|now].",
        "It is an emergency.",
        "Please [reply|answer|respond] [immediately|at once|right away|today].",
        "[Urgent!|URGENT|Asap please.|Hurry!|Help, urgent!]",
        "This cannot wait.",
        "I need it [before tomorrow|by tonight|within the hour].",
    ],
    "low": [
        "There is no [rush|hurry].",
        "Take your time.",
        "It is not urgent.",
        "Whenever you [have a moment|have time|can] is fine.",
        "No [hurry|rush] at all.",
        "This can wait.",
        "It is [no big deal|not important].",
        "Any time [next week|next month] is fine.",
        "No need to hurry.",
    ],
    "medium": ["", "", "", "Please look into it this week.", "I hope to hear from you soon.", "Please help.", "Can you help me?"],
}
HELD_URGENCY = {
    "high": ["Please fix this right now, it is urgent.", "I need help today, it cannot wait."],
    "low": ["It can wait, no hurry.", "There is really no rush with this."],
    "medium": [""],
}
SENTIMENT = {
    "negative": [
        "I am [very|so|really|extremely] [unhappy|angry|disappointed|upset|annoyed|frustrated].",
        "This is [terrible|awful|horrible|bad|poor] service.",
        "This is [awful|terrible|horrible|unacceptable|ridiculous|a joke|a disaster].",
        "Your [company|shop|service] is [the worst|terrible|awful].",
        "I will never [buy|order] here again.",
        "What a [mess|terrible shop|disaster].",
        "I hate this.",
        "I am fed up.",
    ],
    "positive": [
        "I love your [products|shop|store|service].",
        "Thanks for the [great|good|wonderful|excellent] [service|work|help].",
        "You are [always wonderful|great|the best].",
        "I am [very|so|really] happy with [you|your shop|your service].",
        "Your team is [great|wonderful|excellent|fantastic].",
        "Great [shop|service], by the way.",
        "I like your shop [a lot|very much].",
        "Keep up the good work.",
    ],
    "none": [""] * 5 + ["I am a customer since last year.", "I bought it [last week|in May|online]."],
}
HELD_SENTIMENT = {
    "negative": ["I am really unhappy with this awful service.", "This makes me so angry."],
    "positive": ["You have a great and wonderful team.", "I really love your great shop."],
    "none": [""],
}
REFUND_YES = [
    "I want my money back[|!|.]",
    "Please refund me.",
    "I [would like|want|need|demand|expect] a [full |]refund.",
    "Give me [a full refund|a refund|my money back].",
    "Please [return|send back] the money[ to my card|].",
    "Can I [get|have] [a refund|my money back]?",
    "Please refund [the money|the price|the order|it].",
    "I ask for a refund.",
    "Refund [please|me]!",
    "Please give me my money back.",
]
HELD_REFUND_YES = ["I request a full refund.", "Please pay my money back."]
REFUND_NO = [""] * 7 + [
    "I do not [want|need] a refund.",
    "No refund is needed.",
    "[Please|Just|You can] send a new one.",
    "I would like a [replacement|new one].",
    "I do not want my money back.",
]
HELD_REFUND_NO = ["", "", "There is no need for a refund."]
MENTION_ORDER = [
    "My order [number|id] is {o}.",
    "The order [id|number] is {o}.",
    "Order {o}.",
    "It is about order {o}.",
    "See order {o}.",
    "Order number: {o}.",
    "My order: {o}",
    "[It was|This is] order {o}.",
    "Reference {o}.",
    "The number of my order is {o}.",
]
HELD_MENTION_ORDER = ["You can find it under order {o}.", "I placed order {o}."]
GREETINGS = ["", "", "", "Hello,", "Hi,", "Dear team,", "Good morning,", "Hi there,", "Hey,", "Hello!"]
SIGN_OFFS = ["Thanks, {n}", "Best, {n}", "Regards, {n}", "{n}", "Thank you!", "Thanks.", "Regards."]

WITH_ORDER = [
    "my order {o}",
    "my order {o}",
    "order {o}",
    "the {i} from order {o}",
    "my {i} (order {o})",
    "the {i} in order {o}",
    "order number {o}",
    "my {i} from order {o}",
    "my order number {o}",
]
WITHOUT_ORDER = ["my {i}", "the {i}", "the {i} I [bought|ordered]", "my order", "my new {i}", "the {i} you sent"]
