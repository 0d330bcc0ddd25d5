------------------------------- MODULE Paxos -------------------------------
(***************************************************************************)
(* Paxos for one decree, and the networks and disks that it stands on.     *)
(*                                                                         *)
(* Lamport: Paxos Made Simple, 2001, is the protocol, with its names of    *)
(* roles and phases; The Part-Time Parliament, 1998, its origin, with what *)
(* a proposer notes.  Howard, Malkhi, Spiegelman: Flexible Paxos, 2016,    *)
(* has quorums that differ between the phases.  Each record is *forced*:   *)
(* nothing that its writer says after it may be heard before it is         *)
(* durable.                                                                *)
(***************************************************************************)
EXTENDS Naturals, Sequences, FiniteSets

CONSTANTS
  Proposers,    \* The proposers.  Processes are numbered from 0: first these,
  Acceptors,    \* then the acceptors,
  Learners,     \* then the learners.
  Quorum1,      \* How many acceptors have to promise.
  Quorum2,      \* How many acceptors have to accept.
  BallotsMax,   \* How many ballots there are: nobody campaigns beyond.
  Inquiries,    \* Whether learners ask.
  Duplicates,   \* Whether receiving a message leaves it where it is, to be
                \* received again.
  Buffered,     \* Whether records become durable in steps of their own.
  PendingMax,   \* With so many pending records, a process takes no input.
  CrashesMax,   \* How many crashes there may be.
  DownMax,      \* How many processes may be down at once.
  Recovery,     \* Whether a process that is down may come up again.
  DropsMax      \* How many messages may be lost for ever.

Processes == Proposers \union Acceptors \union Learners

ASSUME
  LET P == Cardinality(Proposers)
      A == Cardinality(Acceptors)
      L == Cardinality(Learners)
  IN  /\ Proposers = 0..(P - 1)
      /\ Acceptors = P..(P + A - 1)
      /\ Learners = (P + A)..(P + A + L - 1)
      \* A quorum that promises and one that accepts have somebody in common.
      /\ {Quorum1, Quorum2} \subseteq 1..A /\ Quorum1 + Quorum2 > A
      /\ P > 0 /\ BallotsMax \in Nat /\ BallotsMax >= P
      /\ {Inquiries, Duplicates, Buffered, Recovery} \subseteq BOOLEAN
      /\ PendingMax \in Nat \ {0}
      /\ {CrashesMax, DownMax, DropsMax} \subseteq Nat

HavePromised(S) == Cardinality(S) >= Quorum1
HaveAccepted(S) == Cardinality(S) >= Quorum2

(***************************************************************************)
(* Ballots are numbers, and each has one owner.  A proposer's next ballot  *)
(* is its lowest above those that it knows of.                             *)
(***************************************************************************)
Ballots == 1..BallotsMax
NoBallot == 0       \* It is below all others.

Owner(b) == (b - 1) % Cardinality(Proposers)
NextBallot(p, above) ==
  CHOOSE b \in (above + 1)..(above + Cardinality(Proposers)) : Owner(b) = p

Max(b, c) == IF b > c THEN b ELSE c

(***************************************************************************)
(* What each proposer proposes.  Values fall while ballots rise: were the  *)
(* order the same, whoever took the highest value for that of the highest  *)
(* ballot would not be found out.                                          *)
(***************************************************************************)
Values == 1..Cardinality(Proposers)
NoValue == 0

Proposal(p) == Cardinality(Proposers) - p

Vote == [bal : Ballots, val : Values]
NoVote == [bal |-> NoBallot, val |-> NoValue]

-----------------------------------------------------------------------------
(***************************************************************************)
(* What processes send each other.                                         *)
(*                                                                         *)
(* Prepare   A proposer asks for a promise (1a) to accept nothing below    *)
(*           its ballot.                                                   *)
(* Promise   An acceptor promises (1b), and reports its last vote.         *)
(* Accept    A proposer asks to accept a value in its ballot (2a).         *)
(* Accepted  An acceptor has accepted (2b).                                *)
(* Rejected  An acceptor has promised a higher ballot.                     *)
(* Decision  A value is chosen.                                            *)
(* Inquire   A learner asks.                                               *)
(***************************************************************************)
Message ==
       {m \in [type : {"Prepare"}, from : Proposers, to : Acceptors,
               bal : Ballots] : m.from = Owner(m.bal)}
  \union
       {m \in [type : {"Promise"}, from : Acceptors, to : Proposers,
               bal : Ballots, vote : Vote \union {NoVote}] :
          m.to = Owner(m.bal) /\ m.vote.bal <= m.bal}
  \union
       {m \in [type : {"Accept"}, from : Proposers, to : Acceptors,
               bal : Ballots, val : Values] : m.from = Owner(m.bal)}
  \union
       [type : {"Accepted"}, from : Acceptors, to : Learners,
        bal : Ballots, val : Values]
  \union
       {m \in [type : {"Rejected"}, from : Acceptors, to : Proposers,
               bal : Ballots, promised : Ballots] :
          m.to = Owner(m.bal) /\ m.promised > m.bal}
  \union
       {m \in [type : {"Decision"}, from : Proposers \union Learners,
               to : Proposers \union Learners, val : Values] : m.from # m.to}
  \union
       {m \in [type : {"Inquire"}, from : Learners, to : Processes] :
          m.from # m.to}

(***************************************************************************)
(* What a proposer or a learner tells the application: what is chosen.     *)
(***************************************************************************)
Output ==
  [type : {"Output"}, from : Proposers \union Learners, val : Values]

(***************************************************************************)
(* What processes write: a proposer its ballot before it uses it, so that  *)
(* it will not use it again; an acceptor its promise and its vote before   *)
(* it answers.                                                             *)
(***************************************************************************)
Record ==
       [type : {"Campaign", "Promised"}, bal : Ballots]
  \union
       [type : {"Accepted"}, bal : Ballots, val : Values]

-----------------------------------------------------------------------------
VARIABLES
  up,          \* The processes that are up.  A crash resets what a process
               \* knows to its initial value.

  lastTried,   \* lastTried[p]: the last ballot of proposer p.
  progress,    \* progress[p]: how far it has come in it; see Progress.

  maxBal,      \* maxBal[a]: acceptor a takes part in no ballot below this.
  maxVBal,     \* maxVBal[a], maxVal[a]: the last ballot in which it has
  maxVal,      \* accepted, and what.

  votes,       \* votes[l][a]: of all votes of acceptor a that learner l has
               \* heard of, the one in the highest ballot.

  outcome,     \* outcome[p]: what is chosen, as far as proposer or learner p
               \* knows.

  disk,        \* disk[p] is the fold of p's durable records.
  pending,     \* pending[p] are the records that p has written and that are
               \* not durable, oldest first, each with what waits to be said
               \* until it is.

  messages,    \* The messages in flight; no two of them are the same.

  told,        \* told[p]: what p has told the application to be chosen.
               \* Crashes do not erase it.

  crashes,     \* How many crashes there were.
  drops        \* How many messages were lost for ever.

proposerVariables == <<lastTried, progress>>
acceptorVariables == <<maxBal, maxVBal, maxVal>>
learnerVariables == <<votes, outcome>>
knowledge == <<proposerVariables, acceptorVariables, learnerVariables>>
diskVariables == <<disk, pending>>
faults == <<crashes, drops>>
vars == <<up, knowledge, diskVariables, messages, told, faults>>

(***************************************************************************)
(* How far a proposer has come.                                            *)
(*                                                                         *)
(* idle      It has no proposal, or knows the outcome.                     *)
(* trying    Phase 1: who has promised, and of the votes that promises     *)
(*           have reported, the one in the highest ballot.                 *)
(* polling   Phase 2: the value that it asks to accept.                    *)
(* waiting   It was rejected, or has come up again, and waits before it    *)
(*           tries again, above the ballot that it was rejected for, or    *)
(*           its own.                                                      *)
(***************************************************************************)
Progress ==
  [status : {"idle", "trying", "polling", "waiting"},
   promises : SUBSET Acceptors,
   adopted : Vote \union {NoVote},
   decree : Values \union {NoValue},
   heard : Ballots \union {NoBallot}]

Idle == [status |-> "idle", promises |-> {}, adopted |-> NoVote,
         decree |-> NoValue, heard |-> NoBallot]
Trying == [Idle EXCEPT !.status = "trying"]
Polling(v) == [Idle EXCEPT !.status = "polling", !.decree = v]
Waiting(b) == [Idle EXCEPT !.status = "waiting", !.heard = b]

NoVotes == [a \in Acceptors |-> NoVote]

-----------------------------------------------------------------------------
(***************************************************************************)
(* Sequences, for what has an order: broadcasts go out in the order of     *)
(* processes.                                                              *)
(***************************************************************************)
Range(s) == {s[i] : i \in DOMAIN s}
Map(Function(_), s) == [i \in DOMAIN s |-> Function(s[i])]

InOrder(S) ==
  LET all == [i \in 1..Cardinality(Processes) |-> i - 1]
  IN  SelectSeq(all, LAMBDA p : p \in S)

(***************************************************************************)
(* The function f, but for its value at p, if it has one.                  *)
(***************************************************************************)
With(f, p, value) == [q \in DOMAIN f |-> IF q = p THEN value ELSE f[q]]

(***************************************************************************)
(* What a disk holds after one more record, and after a queue of them.  A  *)
(* process has one role: what other roles write stays empty.               *)
(***************************************************************************)
EmptyDisk == [lastTried |-> NoBallot,
              maxBal |-> NoBallot, maxVBal |-> NoBallot, maxVal |-> NoValue]

Apply(held, record) ==
  CASE record.type = "Campaign" -> [held EXCEPT !.lastTried = record.bal]
    [] record.type = "Promised" -> [held EXCEPT !.maxBal = record.bal]
    [] record.type = "Accepted" ->
         [held EXCEPT !.maxBal = Max(@, record.bal),
                      !.maxVBal = record.bal, !.maxVal = record.val]

RECURSIVE ApplyAll(_, _)
ApplyAll(held, queue) ==
  IF queue = <<>> THEN held
                  ELSE ApplyAll(Apply(held, Head(queue).record), Tail(queue))

-----------------------------------------------------------------------------
(***************************************************************************)
(* What is said is heard: sent, or told.                                   *)
(***************************************************************************)
Hear(said, received) ==
  LET outputs == {s \in Range(said) : s.type = "Output"}
  IN  /\ messages' = (messages \ received) \union (Range(said) \ outputs)
      /\ told' = [p \in DOMAIN told |->
           told[p] \union {s.val : s \in {o \in outputs : o.from = p}}]

(***************************************************************************)
(* A step of a process receives at most one message, writes records and    *)
(* then says things: it sends messages and tells the application.          *)
(*                                                                         *)
(* Durable before told: while a record is pending, whatever its process    *)
(* says waits for the last one, behind what waits there already.  What     *)
(* waits already need not wait twice: if messages are received again, it   *)
(* may wait for any record; else for the last, for what is said before it  *)
(* may be received before it.  A disk that does not buffer has every       *)
(* record durable at the end of the step that wrote it.                    *)
(***************************************************************************)
WriteAndSay(p, input, written, said) ==
  LET entries == Map(LAMBDA r : [record |-> r, waiting |-> <<>>], written)
      queue == pending[p] \o entries
      last == Len(queue)
      waiting == UNION {Range(queue[i].waiting) :
                          i \in IF Duplicates THEN 1..last ELSE {last}}
      new == SelectSeq(said, LAMBDA s : s \notin waiting)
      received == IF Duplicates THEN {} ELSE input
  IN  CASE ~Buffered ->
             /\ disk' = [disk EXCEPT ![p] = ApplyAll(@, entries)]
             /\ Hear(said, received)
             /\ UNCHANGED pending
        [] Buffered /\ queue = <<>> ->
             /\ Hear(said, received)
             /\ UNCHANGED diskVariables
        [] Buffered /\ queue # <<>> ->
             /\ pending' = [pending EXCEPT ![p] =
                  [queue EXCEPT ![last].waiting = @ \o new]]
             /\ messages' = messages \ received
             /\ UNCHANGED <<disk, told>>

TakesInput(p) == p \in up /\ Len(pending[p]) < PendingMax

Receives(m, type) == m.type = type /\ TakesInput(m.to)

React(m, written, said) ==
  /\ WriteAndSay(m.to, {m}, written, said)
  /\ UNCHANGED <<up, faults>>

Act(p, written, said) ==
  /\ WriteAndSay(p, {}, written, said)
  /\ UNCHANGED <<up, faults>>

-----------------------------------------------------------------------------
Prepare(p, a, b) == [type |-> "Prepare", from |-> p, to |-> a, bal |-> b]
Promise(a, p, b, vote) ==
  [type |-> "Promise", from |-> a, to |-> p, bal |-> b, vote |-> vote]
Accept(p, a, b, v) ==
  [type |-> "Accept", from |-> p, to |-> a, bal |-> b, val |-> v]
Accepted(a, l, b, v) ==
  [type |-> "Accepted", from |-> a, to |-> l, bal |-> b, val |-> v]
Rejected(a, p, b, promised) ==
  [type |-> "Rejected", from |-> a, to |-> p, bal |-> b, promised |-> promised]
Decision(p, q, v) == [type |-> "Decision", from |-> p, to |-> q, val |-> v]
Inquiry(l, p) == [type |-> "Inquire", from |-> l, to |-> p]
Tell(p, v) == [type |-> "Output", from |-> p, val |-> v]

-----------------------------------------------------------------------------
(***************************************************************************)
(*                             The proposers                               *)
(***************************************************************************)

(***************************************************************************)
(* Phase 1a.  The ballot is on disk before anyone hears of it, so that a   *)
(* restart takes a higher one.                                             *)
(***************************************************************************)
Phase1a(p, b) ==
  /\ lastTried' = [lastTried EXCEPT ![p] = b]
  /\ progress' = [progress EXCEPT ![p] = Trying]
  /\ Act(p, <<[type |-> "Campaign", bal |-> b]>>,
         Map(LAMBDA a : Prepare(p, a, b), InOrder(Acceptors)))
  /\ UNCHANGED <<acceptorVariables, learnerVariables>>

(***************************************************************************)
(* The application wants a value chosen.  To ask once more changes         *)
(* nothing, unless the proposer has forgotten.                             *)
(***************************************************************************)
Propose(p) ==
  /\ TakesInput(p)
  /\ lastTried[p] = NoBallot /\ outcome[p] = NoValue
  /\ Phase1a(p, NextBallot(p, NoBallot))

(***************************************************************************)
(* Whoever was rejected, or has come up again, tries again.                *)
(***************************************************************************)
Campaign(p) ==
  LET next == NextBallot(p, Max(lastTried[p], progress[p].heard))
  IN  /\ TakesInput(p)
      /\ progress[p].status = "waiting"
      /\ next <= BallotsMax
      /\ Phase1a(p, next)

AcceptFromAll(p, b, v) ==
  Map(LAMBDA a : Accept(p, a, b, v), InOrder(Acceptors))

(***************************************************************************)
(* A promise.  Of what promises report, the vote in the highest ballot     *)
(* counts.                                                                 *)
(*                                                                         *)
(* Phase 2a, when a quorum has promised: the value of that vote, and the   *)
(* proposer's own only if there is none.  So once a value is chosen every  *)
(* higher ballot proposes it: a quorum of promises has an acceptor in      *)
(* common with the quorum that chose it.                                   *)
(***************************************************************************)
CountPromise(m) ==
  LET p == m.to
      k == progress[p]
      counts == m.bal = lastTried[p] /\ k.status = "trying"
      promises == k.promises \union {m.from}
      adopted == IF m.vote.bal > k.adopted.bal THEN m.vote ELSE k.adopted
      decree == IF adopted = NoVote THEN Proposal(p) ELSE adopted.val
  IN  /\ Receives(m, "Promise")
      /\ CASE ~counts ->
                /\ React(m, <<>>, <<>>)
                /\ UNCHANGED progress
           [] counts /\ ~HavePromised(promises) ->
                /\ React(m, <<>>, <<>>)
                /\ progress' = [progress EXCEPT ![p].promises = promises,
                                                ![p].adopted = adopted]
           [] counts /\ HavePromised(promises) ->
                /\ React(m, <<>>, AcceptFromAll(p, m.bal, decree))
                /\ progress' = [progress EXCEPT ![p] = Polling(decree)]
      /\ UNCHANGED <<lastTried, acceptorVariables, learnerVariables>>

(***************************************************************************)
(* One rejection is enough to give up a ballot: whoever has promised more  *)
(* takes no part in it any more.                                           *)
(***************************************************************************)
GiveUp(m) ==
  LET p == m.to
      counts == /\ m.bal = lastTried[p]
                /\ progress[p].status \in {"trying", "polling"}
  IN  /\ Receives(m, "Rejected")
      /\ React(m, <<>>, <<>>)
      /\ progress' = IF counts
                       THEN [progress EXCEPT ![p] = Waiting(m.promised)]
                       ELSE progress
      /\ UNCHANGED <<lastTried, acceptorVariables, learnerVariables>>

(***************************************************************************)
(* Something may have been lost: it is said once more.                     *)
(***************************************************************************)
Resend(p) ==
  LET k == progress[p]
      b == lastTried[p]
  IN  /\ TakesInput(p)
      /\ \/ /\ k.status = "trying"
            /\ Act(p, <<>>, Map(LAMBDA a : Prepare(p, a, b),
                                InOrder(Acceptors \ k.promises)))
         \/ /\ k.status = "polling"
            /\ Act(p, <<>>, AcceptFromAll(p, b, k.decree))
      /\ UNCHANGED knowledge

-----------------------------------------------------------------------------
(***************************************************************************)
(*                             The acceptors                               *)
(***************************************************************************)
LastVote(a) == [bal |-> maxVBal[a], val |-> maxVal[a]]

(***************************************************************************)
(* Phase 1b: a promise, with the last vote; or, to whom a higher ballot    *)
(* was promised, a rejection that names it.  A promise is durable before   *)
(* it is given.  One that was given is given again.                        *)
(***************************************************************************)
Phase1b(m) ==
  LET a == m.to
      isNew == m.bal > maxBal[a]
  IN  /\ Receives(m, "Prepare")
      /\ maxBal' = [maxBal EXCEPT ![a] = Max(@, m.bal)]
      /\ React(m,
           IF isNew THEN <<[type |-> "Promised", bal |-> m.bal]>> ELSE <<>>,
           IF m.bal >= maxBal[a]
             THEN <<Promise(a, m.from, m.bal, LastVote(a))>>
             ELSE <<Rejected(a, m.from, m.bal, maxBal[a])>>)
      /\ UNCHANGED <<proposerVariables, maxVBal, maxVal, learnerVariables>>

(***************************************************************************)
(* Phase 2b: it accepts, unless it has promised a higher ballot.  To       *)
(* accept is a promise too.  A vote is durable before learners hear of it. *)
(***************************************************************************)
Phase2b(m) ==
  LET a == m.to
      vote == [bal |-> m.bal, val |-> m.val]
      accepts == m.bal >= maxBal[a]
      isNew == accepts /\ vote # LastVote(a)
      record == [type |-> "Accepted", bal |-> m.bal, val |-> m.val]
  IN  /\ Receives(m, "Accept")
      /\ maxBal' = [maxBal EXCEPT ![a] = Max(@, m.bal)]
      /\ maxVBal' = [maxVBal EXCEPT ![a] = IF accepts THEN m.bal ELSE @]
      /\ maxVal' = [maxVal EXCEPT ![a] = IF accepts THEN m.val ELSE @]
      /\ React(m,
           IF isNew THEN <<record>> ELSE <<>>,
           IF accepts
             THEN Map(LAMBDA l : Accepted(a, l, m.bal, m.val),
                      InOrder(Learners))
             ELSE <<Rejected(a, m.from, m.bal, maxBal[a])>>)
      /\ UNCHANGED <<proposerVariables, learnerVariables>>

-----------------------------------------------------------------------------
(***************************************************************************)
(*                    The learners, and what is chosen                     *)
(***************************************************************************)

(***************************************************************************)
(* A learner knows.  Proposers may rest.                                   *)
(***************************************************************************)
Announce(l, v) ==
  <<Tell(l, v)>> \o Map(LAMBDA p : Decision(l, p, v), InOrder(Proposers))

(***************************************************************************)
(* A learner counts votes, of each acceptor the one in the highest ballot: *)
(* what was chosen by older ones, higher ballots choose again.  A value is *)
(* chosen when a quorum has accepted it in one ballot.  Who has learned    *)
(* that already tells it to whoever still asks acceptors.                  *)
(***************************************************************************)
CountVote(m) ==
  LET l == m.to
      next == [votes[l] EXCEPT ![m.from] = [bal |-> m.bal, val |-> m.val]]
      same == {a \in Acceptors : next[a] = next[m.from]}
  IN  /\ Receives(m, "Accepted")
      /\ CASE outcome[l] # NoValue ->
                /\ React(m, <<>>, <<Decision(l, Owner(m.bal), outcome[l])>>)
                /\ UNCHANGED learnerVariables
           [] outcome[l] = NoValue /\ m.bal <= votes[l][m.from].bal ->
                /\ React(m, <<>>, <<>>)
                /\ UNCHANGED learnerVariables
           [] outcome[l] = NoValue /\ m.bal > votes[l][m.from].bal ->
                IF HaveAccepted(same)
                  THEN /\ React(m, <<>>, Announce(l, m.val))
                       /\ outcome' = [outcome EXCEPT ![l] = m.val]
                       /\ votes' = [votes EXCEPT ![l] = NoVotes]
                  ELSE /\ React(m, <<>>, <<>>)
                       /\ votes' = [votes EXCEPT ![l] = next]
                       /\ UNCHANGED outcome
      /\ UNCHANGED <<proposerVariables, acceptorVariables>>

(***************************************************************************)
(* A proposer or a learner is told what is chosen.                         *)
(***************************************************************************)
Learn(m) ==
  LET p == m.to
  IN  /\ Receives(m, "Decision")
      /\ IF outcome[p] # NoValue
           THEN /\ React(m, <<>>, <<>>)
                /\ UNCHANGED <<progress, learnerVariables>>
           ELSE /\ React(m, <<>>, IF p \in Learners THEN Announce(p, m.val)
                                                    ELSE <<Tell(p, m.val)>>)
                /\ outcome' = [outcome EXCEPT ![p] = m.val]
                /\ progress' = With(progress, p, Idle)
                /\ votes' = With(votes, p, NoVotes)
      /\ UNCHANGED <<lastTried, acceptorVariables>>

(***************************************************************************)
(* A learner has heard nothing, or a crash has lost it: it asks everybody. *)
(***************************************************************************)
Inquire(l) ==
  /\ Inquiries
  /\ TakesInput(l)
  /\ outcome[l] = NoValue
  /\ Act(l, <<>>, Map(LAMBDA p : Inquiry(l, p), InOrder(Processes \ {l})))
  /\ UNCHANGED knowledge

(***************************************************************************)
(* Acceptors answer with their last vote, others if they know the outcome. *)
(***************************************************************************)
Answer(m) ==
  LET p == m.to
      l == m.from
  IN  /\ Receives(m, "Inquire")
      /\ React(m, <<>>,
           CASE p \in Acceptors ->
                  IF LastVote(p) = NoVote
                    THEN <<>> ELSE <<Accepted(p, l, maxVBal[p], maxVal[p])>>
             [] p \notin Acceptors ->
                  IF outcome[p] = NoValue
                    THEN <<>> ELSE <<Decision(p, l, outcome[p])>>)
      /\ UNCHANGED knowledge

-----------------------------------------------------------------------------
(***************************************************************************)
(*                           The environment                               *)
(***************************************************************************)

(***************************************************************************)
(* A process's oldest pending record becomes durable, and what waits for   *)
(* it is heard.                                                            *)
(***************************************************************************)
Flush(p) ==
  /\ pending[p] # <<>>
  /\ disk' = [disk EXCEPT ![p] = Apply(@, Head(pending[p]).record)]
  /\ pending' = [pending EXCEPT ![p] = Tail(@)]
  /\ Hear(Head(pending[p]).waiting, {})
  /\ UNCHANGED <<up, knowledge, faults>>

(***************************************************************************)
(* What a process knows that finds this on its disk.  A learner finds      *)
(* nothing.                                                                *)
(***************************************************************************)
Knows(p, held) ==
  /\ lastTried' = With(lastTried, p, held.lastTried)
  /\ progress' = With(progress, p, IF held.lastTried = NoBallot
                                     THEN Idle ELSE Waiting(held.lastTried))
  /\ maxBal' = With(maxBal, p, held.maxBal)
  /\ maxVBal' = With(maxVBal, p, held.maxVBal)
  /\ maxVal' = With(maxVal, p, held.maxVal)
  /\ votes' = With(votes, p, NoVotes)
  /\ outcome' = With(outcome, p, NoValue)

(***************************************************************************)
(* A crash leaves the disk, and what others have heard.  It may cut short  *)
(* what its process has just sent: any part of what is in flight goes with *)
(* it.  Where messages are received again and again, none has to be        *)
(* received.                                                               *)
(***************************************************************************)
Crash(p) ==
  /\ p \in up
  /\ crashes < CrashesMax
  /\ Cardinality(Processes \ up) < DownMax
  /\ up' = up \ {p}
  /\ crashes' = crashes + 1
  /\ Knows(p, EmptyDisk)
  /\ pending' = [pending EXCEPT ![p] = <<>>]
  /\ \E lost \in SUBSET {m \in messages : m.from = p /\ ~Duplicates} :
       messages' = messages \ lost
  /\ UNCHANGED <<disk, told, drops>>

(***************************************************************************)
(* A process comes up again with its disk.  A proposer does not go on with *)
(* its ballot: it has lost who has promised, and what it asked to accept.  *)
(***************************************************************************)
Recover(p) ==
  /\ Recovery /\ p \notin up
  /\ up' = up \union {p}
  /\ Knows(p, disk[p])
  /\ UNCHANGED <<diskVariables, messages, told, faults>>

(***************************************************************************)
(* A message is lost for ever, unless it is sent again.  Without this, a   *)
(* message could always still come, and under fair delivery it would.      *)
(***************************************************************************)
Drop(m) ==
  /\ drops < DropsMax
  /\ messages' = messages \ {m}
  /\ drops' = drops + 1
  /\ UNCHANGED <<up, knowledge, diskVariables, told, crashes>>

-----------------------------------------------------------------------------
Init ==
  /\ up = Processes
  /\ lastTried = [p \in Proposers |-> NoBallot]
  /\ progress = [p \in Proposers |-> Idle]
  /\ maxBal = [a \in Acceptors |-> NoBallot]
  /\ maxVBal = [a \in Acceptors |-> NoBallot]
  /\ maxVal = [a \in Acceptors |-> NoValue]
  /\ votes = [l \in Learners |-> NoVotes]
  /\ outcome = [p \in Proposers \union Learners |-> NoValue]
  /\ disk = [p \in Processes |-> EmptyDisk]
  /\ pending = [p \in Processes |-> <<>>]
  /\ messages = {}
  /\ told = [p \in Proposers \union Learners |-> {}]
  /\ crashes = 0
  /\ drops = 0

Next ==
  \/ \E p \in Proposers : Propose(p)
  \/ \E p \in Proposers : Campaign(p)
  \/ \E m \in messages : CountPromise(m)
  \/ \E m \in messages : GiveUp(m)
  \/ \E p \in Proposers : Resend(p)
  \/ \E m \in messages : Phase1b(m)
  \/ \E m \in messages : Phase2b(m)
  \/ \E m \in messages : CountVote(m)
  \/ \E m \in messages : Learn(m)
  \/ \E l \in Learners : Inquire(l)
  \/ \E m \in messages : Answer(m)
  \/ \E p \in Processes : Flush(p)
  \/ \E p \in Processes : Crash(p)
  \/ \E p \in Processes : Recover(p)
  \/ \E m \in messages : Drop(m)

Spec == Init /\ [][Next]_vars

-----------------------------------------------------------------------------
(***************************************************************************)
(* Some messages can change nothing any more, now or after a crash: what   *)
(* is about a ballot that its proposer has left for good, or about a phase *)
(* of it.  States that differ in such messages only may be taken for one:  *)
(* TLC does if this is its view, and larger instances become feasible.     *)
(***************************************************************************)
HasLeft(p, b, statuses) ==
  \/ disk[p].lastTried > b
  \/ /\ disk[p].lastTried = b
     /\ ~(lastTried[p] = b /\ progress[p].status \in statuses)

IsSpent(m) ==
  CASE m.type = "Prepare" ->
         \* Who has not promised yet will, and so reject lower ballots.
         /\ disk[m.to].maxBal >= m.bal
         /\ HasLeft(m.from, m.bal, {"trying", "polling"})
    [] m.type = "Promise" -> HasLeft(m.to, m.bal, {"trying"})
    [] m.type = "Rejected" -> HasLeft(m.to, m.bal, {"trying", "polling"})
    [] OTHER -> FALSE

WithoutSpent ==
  <<up, knowledge, diskVariables, {m \in messages : ~IsSpent(m)}, told, faults>>

-----------------------------------------------------------------------------
(***************************************************************************)
(*                         What is chosen, and why                         *)
(*                                                                         *)
(* A value is chosen when a quorum of acceptors has accepted it in one     *)
(* ballot, whether or not anybody knows.  Messages tell, as far as they    *)
(* are still there: all are, if they are received again and none is        *)
(* dropped.                                                                *)
(***************************************************************************)
Voters(b, v) ==
  {m.from : m \in {n \in messages :
                     n.type = "Accepted" /\ n.bal = b /\ n.val = v}}

IsChosen(b, v) == HaveAccepted(Voters(b, v))

Chosen == {v \in Values : \E b \in Ballots : IsChosen(b, v)}

(***************************************************************************)
(* Paxos is a way to reach consensus: each of its steps chooses a value    *)
(* that is the first to be chosen, or changes nothing of what is chosen.   *)
(***************************************************************************)
Abstract == INSTANCE Consensus WITH chosen <- Chosen

Refines == Abstract!Spec

(***************************************************************************)
(* P2: one value is chosen.                                                *)
(***************************************************************************)
OneIsChosen == Cardinality(Chosen) <= 1

(***************************************************************************)
(* P2b: once a value is chosen, every higher ballot proposes it.           *)
(***************************************************************************)
HigherBallotsProposeIt ==
  \A b \in Ballots, v \in Values : IsChosen(b, v) =>
    \A m \in messages : m.type = "Accept" /\ m.bal > b => m.val = v

OneValueABallot ==
  \A m, n \in messages :
    m.type = "Accept" /\ n.type = "Accept" /\ m.bal = n.bal => m.val = n.val

(***************************************************************************)
(* Whatever an acceptor has answered is on its disk.                       *)
(***************************************************************************)
AnswersAreDurable ==
  \A m \in messages :
    /\ m.type = "Promise" => disk[m.from].maxBal >= m.bal
    /\ m.type = "Accepted" =>
         disk[m.from].maxVBal >= m.bal /\ disk[m.from].maxBal >= m.bal

(***************************************************************************)
(* What the application is told is one value, whoever tells it, and for    *)
(* ever; it was proposed; and it was chosen.                               *)
(***************************************************************************)
Told == UNION {told[p] : p \in DOMAIN told}

Agreement == Cardinality(Told) <= 1

Validity ==
  \A v \in Told : \E p \in Proposers :
    Proposal(p) = v /\ disk[p].lastTried # NoBallot

LearnedIsChosen == Told \subseteq Chosen

(***************************************************************************)
(* What a disk will hold is what its process believes that it does.        *)
(***************************************************************************)
Believed(p) ==
  CASE p \in Proposers -> [EmptyDisk EXCEPT !.lastTried = lastTried[p]]
    [] p \in Acceptors -> [EmptyDisk EXCEPT !.maxBal = maxBal[p],
                                            !.maxVBal = maxVBal[p],
                                            !.maxVal = maxVal[p]]
    [] p \in Learners -> EmptyDisk

RecoveryReadsBack == \A p \in up : ApplyAll(disk[p], pending[p]) = Believed(p)

TypeOK ==
  LET ballots == Ballots \union {NoBallot}
      values == Values \union {NoValue}
      cast == Vote \union {NoVote}
  IN  /\ up \subseteq Processes
      /\ lastTried \in [Proposers -> ballots]
      /\ \A p \in Proposers : progress[p] \in Progress
      /\ maxBal \in [Acceptors -> ballots]
      /\ \A a \in Acceptors : LastVote(a) \in cast
      /\ \A l \in Learners, a \in Acceptors : votes[l][a] \in cast
      /\ outcome \in [Proposers \union Learners -> values]
      /\ disk \in [Processes -> [lastTried : ballots, maxBal : ballots,
                                 maxVBal : ballots, maxVal : values]]
      /\ \A p \in Processes : \A i \in DOMAIN pending[p] :
           /\ pending[p][i].record \in Record
           /\ Range(pending[p][i].waiting) \subseteq Message \union Output
      /\ messages \subseteq Message
      /\ told \in [Proposers \union Learners -> SUBSET Values]
      /\ crashes \in 0..CrashesMax
      /\ drops \in 0..DropsMax

-----------------------------------------------------------------------------
(***************************************************************************)
(*                               Fairness                                  *)
(*                                                                         *)
(* Spec lets everything stop at any moment.  To show that something will   *)
(* happen, one has to assume of some actions that they do not stay enabled *)
(* for ever without being taken: weak fairness.  Nothing is assumed of     *)
(* crashes, of drops and of the application: they need not happen.         *)
(***************************************************************************)

(***************************************************************************)
(* A process receives a message: all that may come of it.                  *)
(***************************************************************************)
Receive(m) ==
  /\ m \in messages
  /\ CASE m.type = "Prepare" -> Phase1b(m)
       [] m.type = "Promise" -> CountPromise(m)
       [] m.type = "Accept" -> Phase2b(m)
       [] m.type = "Accepted" -> CountVote(m)
       [] m.type = "Rejected" -> GiveUp(m)
       [] m.type = "Decision" -> Learn(m)
       [] m.type = "Inquire" -> Answer(m)

(***************************************************************************)
(* A message that is not lost arrives at last, if its receiver stays up.   *)
(***************************************************************************)
FairDelivery == \A m \in Message : WF_vars(Receive(m))

(***************************************************************************)
(* Clocks run: a timer that stays set fires at last.                       *)
(***************************************************************************)
FairTimers ==
  /\ \A p \in Proposers : WF_vars(Campaign(p))
  /\ \A p \in Proposers : WF_vars(Resend(p))
  /\ \A l \in Learners : WF_vars(Inquire(l))

(***************************************************************************)
(* A disk gets its work done, if its process stays up.                     *)
(***************************************************************************)
FairFlushes == \A p \in Processes : WF_vars(Flush(p))

(***************************************************************************)
(* A process that has crashed is restarted at last: somebody sees to it.   *)
(***************************************************************************)
FairRecovery == \A p \in Processes : WF_vars(Recover(p))

Fairness ==
  /\ FairDelivery
  /\ FairTimers
  /\ FairFlushes
  /\ FairRecovery

FairSpec == Spec /\ Fairness

-----------------------------------------------------------------------------
(***************************************************************************)
(*                               Liveness                                  *)
(***************************************************************************)

(***************************************************************************)
(* It wants to know what is chosen, and does not.                          *)
(***************************************************************************)
Waits(p) ==
  /\ p \in up
  /\ CASE p \in Proposers -> progress[p].status # "idle"
       [] p \in Learners -> outcome[p] = NoValue

(***************************************************************************)
(* There is somebody, or will be again, who goes on with a proposal, and   *)
(* somebody who counts votes.                                              *)
(***************************************************************************)
MayDecide ==
  /\ \E p \in Proposers : disk[p].lastTried # NoBallot /\ (Recovery \/ p \in up)
  /\ \E l \in Learners : Recovery \/ l \in up

(***************************************************************************)
(* Whoever wants to know what is chosen learns it.  So it is if one        *)
(* proposer is alone, a quorum of acceptors stays up or comes up again,    *)
(* and there are more ballots than crashes.  Two proposers can reject each *)
(* other again and again: then it depends on how many ballots there are,   *)
(* and says nothing.                                                       *)
(***************************************************************************)
AllLearn ==
  \A p \in Proposers \union Learners :
    MayDecide /\ Waits(p) ~> ~MayDecide \/ ~Waits(p)

(***************************************************************************)
(* What can keep a ballot from a decision is a higher one.                 *)
(***************************************************************************)
BallotDecides ==
  \A b \in Ballots :
    (\E p \in Proposers : disk[p].lastTried = b)
      ~> Told # {} \/ \E p \in Proposers : disk[p].lastTried > b
=============================================================================
