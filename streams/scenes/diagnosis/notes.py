"""What a nurse writes down: symptoms in many words, never the condition's name."""

from __future__ import annotations

import numpy as np

from streams.scenes.diagnosis.course import DETERIORATING
from streams.scenes.spoken import one_of

_COMFORTABLE = (
    "{patient|pt} {resting|sleeping} comfortably, {no complaints|denies pain|slept well}",
    "ate {most of|all of} {breakfast|lunch|dinner}, walked {to the window|along the corridor} "
    "{unaided|with one assist}",
    "breathing easily on {room air|air}, chatting with {family|visitors|staff}",
    "{alert and oriented|awake and alert}, skin warm and dry, {good appetite|drinking well}",
    "{observations|obs} unchanged, {plan|hope} to {mobilise|go home} {tomorrow|later this week}",
    "pain {one|two} out of ten, {reading|watching television}, {asks|asking} about {discharge|"
    "going home}",
)
_WORSENING = (
    "{more|increasingly} short of breath {since {noon|handover|last round}|on talking}",
    "{restless|anxious} and {sweaty|flushed}, {feels|feeling} {hot|unwell|weak}",
    "started on {two|three|four} litres of oxygen {by nasal prongs|via nasal cannula}",
    "{coughing|cough} with {yellow|green} sputum, {shivering|chills} {noted|on and off}",
    "{doctor|registrar} asked to review, {fluids|antibiotics|bloods} {started|sent|given}",
    "{refused|left} {lunch|dinner}, {drowsier|more tired} than {this morning|yesterday}",
)
_GRAVE = (
    "{barely|hardly} {responsive|rousable}, {gasping|using accessory muscles}, lips {blue|grey}",
    "{emergency|rapid response|outreach} team {called|at bedside}, {high flow|non-rebreather} "
    "oxygen {running|at fifteen litres}",
    "{cold|mottled|clammy} {hands|limbs}, {weak thready pulse|pulse hard to feel}",
    "{noradrenaline|vasopressor} {running|started|increased}, {arterial line in|"
    "second line placed}",
    "{preparing|prepared} for {intubation|transfer to intensive care}, {family informed|next of "
    "kin called}",
    "{confused|agitated} then {unresponsive|limp}, {no urine|very little urine} {for two hours|"
    "since noon}",
)


def write_note(severity: float, rng: np.random.Generator) -> bytes:
    """One or two remarks as UTF-8 text, in keeping with a severity from 0 to 1."""
    low, high = DETERIORATING
    if severity < low - 0.1:
        templates = _COMFORTABLE
    elif severity > high + 0.09:
        templates = _GRAVE
    else:
        templates = _WORSENING
    remarks = [one_of(templates, rng) for _ in range(int(rng.integers(1, 3)))]
    return ". ".join(dict.fromkeys(remarks)).encode()
