----------------------------- MODULE Consensus -----------------------------
(***************************************************************************)
(* What consensus is, whoever reaches it: at most one value is chosen, and *)
(* it stays chosen.  Nothing is said of how, or of when; it may be never.  *)
(***************************************************************************)
CONSTANT Values     \* The values that may be chosen.

VARIABLE chosen     \* The values that are chosen.

Init == chosen = {}

Choose == chosen = {} /\ \E v \in Values : chosen' = {v}

Spec == Init /\ [][Choose]_chosen
=============================================================================
