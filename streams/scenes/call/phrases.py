"""What people say on the phone, as templates that expand to thousands of sentences.

Words such as account, plan, service, month and the devices occur under several intents, so a
single word seldom decides.
"""

from __future__ import annotations

INTENTS = {
    "billing": (
        "{well |so |}I {was charged|got charged|have been charged} {twice|two times|double} "
        "{this month|last month|again|for the same service}",
        "there is {a|some|another} {fee|charge|payment} {on my invoice|on my statement|on my card}"
        " {that I do not recognize|I never agreed to|I cannot explain}",
        "my {invoice|statement|bill} {is|looks} {far too high|wrong|higher than {last month|the "
        "quote}} {again|this time|}",
        "I {would like|want|need} {a refund|my money back} for {the last payment|that charge|the "
        "extra fee}",
        "why {is|was} the {amount|price|total} on my {account|invoice|statement} "
        "{different|so high|not what you quoted}",
        "{can you|could you} {explain|check|go over} the {charges|fees|payments} on my {account|"
        "latest invoice|plan}",
        "my {card|bank account} was {debited|charged} {on the wrong day|too much|before the due "
        "date}",
        "when is my {next|first} payment due and how {much|high} {is it|will it be}",
    ),
    "cancel": (
        "I {want|would like|need} to {cancel|end|terminate} my {contract|subscription|plan|"
        "service} {today|this month|right away|}",
        "please {close|shut down|terminate} my {account|contract|subscription} {today|for good|at "
        "the end of the month}",
        "I am {leaving|switching} {you|to another provider|to a different company} {next "
        "month|today|}",
        "how do I {get out of|stop|end} {this contract|my subscription|the service|the plan}",
        "I {do not|no longer} {want|need} {the service|this subscription|the plan} {any more|at "
        "all}",
        "{so |}what is the notice period {for my contract|for the plan|if I leave}",
        "take me off {the plan|the subscription|your service} {please|from next month}",
        "I {have decided|decided} not to {renew|extend|continue} my {contract|plan|subscription}",
    ),
    "support": (
        "my {router|modem|phone|connection|app} {keeps dropping|stopped working|does not work} "
        "{again|since {monday|yesterday|this morning}|}",
        "the {internet|connection|signal|line} is {very slow|down|unstable} {at my home|in my "
        "office|since last month}",
        "I {cannot|can not} {log in|sign in|connect} {to the app|to my account|to the network}",
        "the {router|device|screen|box} {shows|gives me} an error {message|code} {when I start "
        "it|every time|}",
        "{can you|could you} {help me|walk me through} {reset|set up|restart} my {router|"
        "password|modem|device}",
        "the {update|installation} {failed|got stuck|broke my {router|phone|app}} {yesterday|"
        "again|}",
        "{how|where} do I {install|configure|update} the {app|modem|new device}",
        "{the|my} {technician|engineer} {never came|did not fix} {to look at the line|the "
        "connection|the fault}",
    ),
    "other": (
        "{what are|could you tell me} your opening hours {on saturday|over the holidays|this week}",
        "I {have moved|am moving} {and need|so I need} to {change|update} my {postal|home} address",
        "do you have a {store|shop|branch} {near the station|in my town|downtown}",
        "I {would like|want} to {leave|give} {some feedback|a comment|a review} about your "
        "{website|staff|store}",
        "are you {hiring|looking for staff} {at the moment|in my area|this month}",
        "I {left|lost|forgot} my {umbrella|jacket|keys} {in your store|at your counter}",
        "{who|whom} do I {ask|contact} about {sponsoring|a partnership|a school visit}",
        "can you {spell|give me} the {name|address} of {your head office|the manager|your branch}",
    ),
}

MOODS = {
    "negative": (
        "this is {really|absolutely|completely|} {unacceptable|ridiculous|outrageous}",
        "I am {so|very|really} {angry|frustrated|upset|fed up} {with this|with you|right now|}",
        "nobody {ever helps|listens|calls me back} {and I am tired of it|it is a disgrace}",
        "{that|this} is {the worst|a terrible|an awful} {company|experience|call}",
        "I {hate|am sick of} {waiting|repeating myself|being passed around}",
        "you {people|} {keep wasting|wasted} my time {again|}",
    ),
    "neutral": (
        "{okay|alright|yes} {I see|I understand|that is correct|go on}",
        "{let me|I will} {check|write that down|look it up}",
        "the {number|reference} is {four seven two|nine one five|three eight six}",
        "{yes|right|okay} {I am still here|one moment|I have it here}",
        "{it|that} was {on tuesday|about a week ago|in the morning}",
        "{hm|well} {I think so|as far as I know|it depends}",
    ),
    "positive": (
        "{oh |}{that is|this is} {wonderful|great|fantastic|perfect} {news|to hear|}",
        "thank you {so much|very much|a lot} {for your help|you are very kind|}",
        "{wow |}you have been {really|so|very} {helpful|friendly|patient}",
        "I {really|truly} {appreciate|love} {it|that|your service}",
        "{great|excellent|lovely} {that makes me happy|I am delighted|you made my day}",
        "I am {so|very|really} {happy|pleased|glad} {about that|with this|we talked}",
    ),
}

#: In front of a sentence with an intent, so that its words tell the mood too.
OPENERS = {
    "negative": ("listen", "seriously", "for the third time", "come on", "unbelievable"),
    "neutral": ("so", "okay", "yes", "well", "hello"),
    "positive": ("hi there", "lovely", "wonderful", "thanks a lot", "great"),
}

AGENT = (
    "{let me|I will} {have a look|check that|pull up your {file|details}} {for you|}",
    "{thanks|thank you} for {holding|waiting|calling} {today|}",
    "{can|may|could} I {have|get|take} your {name|customer number|date of birth} {please|}",
    "{one moment|just a second} {please|while I look|}",
    "I {understand|see} {what you mean|your point|} {and I will take care of it|}",
    "{is there|do you have} anything else {for me|I can do for you|}",
    "I {have noted|made a note of} {that|everything} {in the system|}",
    "{alright|okay|right} {I have found it|it is on my screen|here we go}",
)
