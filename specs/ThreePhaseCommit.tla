-------------------------- MODULE ThreePhaseCommit --------------------------
(***************************************************************************)
(* Three-phase commit with its termination protocol, and the networks and  *)
(* disks that it stands on.                                                *)
(*                                                                         *)
(* Bernstein, Hadzilacos, Goodman: Concurrency Control and Recovery in     *)
(* Database Systems, 1987, section 7.5, is the protocol, with its          *)
(* termination rules TR1 to TR4 and its election in the order of ids;      *)
(* Skeen: Nonblocking Commit Protocols, 1981, its origin.  Process 0       *)
(* coordinates at first, every other process takes part in every           *)
(* transaction.  A record is *forced* if nothing that its writer says      *)
(* after it may be heard before it is durable; else it is *lazy*.          *)
(***************************************************************************)
EXTENDS Naturals, Sequences, FiniteSets

CONSTANTS
  Participants,     \* The participants: {1, ..., n}.
  TransactionsMax,  \* How many transactions the application asks for.
  Terminates,       \* Whether those whose coordinator has failed take part in
                    \* the termination protocol.  If not, as in many a
                    \* textbook: who is uncertain aborts, who is committable
                    \* commits.
  Aborts,           \* Whether the application may abort.
  Duplicates,       \* Whether receiving a message leaves it where it is, to be
                    \* received again.
  Timers,           \* When timers fire: "never"; "asynchronous", any that is
                    \* set, at any moment; "accurate", at rest, and only what
                    \* is down or cut off is suspected.
  Buffered,         \* Whether records become durable in steps of their own.
  PendingMax,       \* With so many pending records, a process takes no input.
  CrashesMax,       \* How many crashes there may be.
  DownMax,          \* How many processes may be down at once.
  Recovery,         \* Whether a process that is down may come up again.
  DropsMax,         \* How many messages may be lost for ever.
  PartitionsMax,    \* How many times the network may part.
  Heals             \* Whether a network that has parted may heal.

ASSUME
  /\ Participants = 1..Cardinality(Participants)
  /\ {Terminates, Aborts, Duplicates, Buffered, Recovery, Heals}
       \subseteq BOOLEAN
  /\ Timers \in {"never", "asynchronous"} \union
       (IF Duplicates THEN {} ELSE {"accurate"})
  /\ TransactionsMax \in Nat \ {0} /\ PendingMax \in Nat \ {0}
  /\ {CrashesMax, DownMax, DropsMax, PartitionsMax} \subseteq Nat

Coordinator == 0
Processes == {Coordinator} \union Participants

(***************************************************************************)
(* A transaction's name is the coordinator's epoch, which grows with each  *)
(* of its starts, and a number within the epoch.                           *)
(***************************************************************************)
Epochs == 1..(IF Recovery THEN CrashesMax + 1 ELSE 1)
Transactions == Epochs \X (1..TransactionsMax)

-----------------------------------------------------------------------------
(***************************************************************************)
(* Where a transaction stands at a process.                                *)
(*                                                                         *)
(* unknown      No trace of it.                                            *)
(* working      The application is at work.                                *)
(* uncertain    It has voted Yes, or asked for votes, and does not know    *)
(*              whether all have voted Yes.                                *)
(* committable  All have voted Yes.                                        *)
(* recovering   It has failed since it took part, and knows no outcome.    *)
(* committed, aborted                                                      *)
(***************************************************************************)
Undecided == {"uncertain", "committable"}
Finished == {"committed", "aborted"}
Standing == {"unknown", "working", "recovering"} \union Undecided \union Finished
Reported == Undecided \union Finished

(***************************************************************************)
(* What processes send each other.                                         *)
(*                                                                         *)
(* Prepare       The coordinator asks for a vote (VOTE-REQ).               *)
(* Vote          A participant's answer.  Yes is a promise.                *)
(* PreCommit     All have voted Yes (PRE-COMMIT).                          *)
(* Acknowledge   Its sender is committable (ACK).                          *)
(* Decision      The outcome.                                              *)
(* Elected       All before you have failed: you coordinate (UR-ELECTED).  *)
(* StateRequest  A coordinator that terminates asks where all stand.       *)
(* StateReport   Where its sender stands.                                  *)
(* Inquire       Its sender has failed, and asks for the outcome.          *)
(***************************************************************************)
Message ==
       [type : {"Prepare"}, from : {Coordinator}, to : Participants,
        transaction : Transactions]
  \union
       [type : {"Vote"}, from : Participants, to : {Coordinator},
        transaction : Transactions, vote : {"Yes", "No"}]
  \union
       {m \in [type : {"PreCommit", "StateRequest"}, from : Processes,
               to : Processes, transaction : Transactions] : m.from < m.to}
  \union
       {m \in [type : {"Acknowledge"}, from : Processes, to : Processes,
               transaction : Transactions] : m.from > m.to}
  \union
       {m \in [type : {"Decision"}, from : Processes, to : Processes,
               transaction : Transactions,
               decision : {"Commit", "Abort"}] : m.from # m.to}
  \union
       {m \in [type : {"Elected", "Inquire"}, from : Processes,
               to : Processes, transaction : Transactions] : m.from # m.to}
  \union
       {m \in [type : {"StateReport"}, from : Processes, to : Processes,
               transaction : Transactions, standing : Reported] :
          m.from > m.to}

(***************************************************************************)
(* What a process tells the application: a fact, which the application     *)
(* remembers, or that it refuses a request, which changes nothing.         *)
(***************************************************************************)
Facts == {"begun", "working", "prepared", "committed", "aborted"}
Refusals ==
  {"refused as unknown", "refused as prepared", "refused as finished"}
Output ==
  [type : {"Output"}, from : Processes, transaction : Transactions,
   fact : Facts \union Refusals]

(***************************************************************************)
(* What processes write.  The coordinator: Started (forced: its epoch).    *)
(* All: Prepared (forced, before a process asks for votes or votes Yes),   *)
(* Committed (forced) and Aborted (forced if its writer decides it, lazy   *)
(* if it was told).                                                        *)
(***************************************************************************)
Record ==
       [type : {"Started"}, epoch : Epochs]
  \union
       [type : {"Prepared", "Committed", "Aborted"},
        transaction : Transactions]

-----------------------------------------------------------------------------
VARIABLES
  up,          \* The processes that are up.  A crash resets what a process
               \* knows to its initial value.
  epoch,       \* Coordinator: the epoch of the names that it gives out.
  begun,       \* Coordinator: how many it has given out in this epoch.
  knows,       \* knows[p][t] is what process p knows of t; see Knowledge.

  disk,        \* disk[p] is the fold of p's durable records.
  pending,     \* pending[p] are the records that p has written and that are
               \* not durable, oldest first, each with what waits to be said
               \* until it is.

  messages,    \* The messages in flight; no two of them are the same.
  cut,         \* While the network is parted: those on the side that the
               \* coordinator is not on.

  begins,      \* How often the application has asked to begin.
  told,        \* told[t][f]: who has told the application fact f of t.
               \* Crashes do not erase it.

  crashes,     \* How many crashes there were.
  drops,       \* How many messages were lost for ever.
  partitions   \* How many times the network has parted.

processVariables == <<up, epoch, begun, knows>>
diskVariables == <<disk, pending>>
faults == <<crashes, drops, partitions>>
vars == <<processVariables, diskVariables, messages, cut, begins, told, faults>>

(***************************************************************************)
(* Where t stands; and while it is undecided whom the process follows      *)
(* (itself, if it coordinates), who has failed as far as it knows, and if  *)
(* it coordinates, what it asks for and who has answered.                  *)
(***************************************************************************)
Knowledge ==
  [standing : Standing,
   coordinator : Processes,
   failed : SUBSET Processes,
   round : {"none", "votes", "reports", "acknowledgements"},
   yes : SUBSET Participants,
   reports : UNION {[S -> Reported] : S \in SUBSET Processes},
   acknowledged : SUBSET Processes]

Stands(standing) ==
  [standing |-> standing, coordinator |-> Coordinator, failed |-> {},
   round |-> "none", yes |-> {}, reports |-> <<>>, acknowledged |-> {}]

NothingKnown == [t \in Transactions |-> Stands("unknown")]

IsUndecided(k) == k.standing \in Undecided
Operational(k) == Processes \ k.failed

(***************************************************************************)
(* Of whom something is expected.                                          *)
(***************************************************************************)
Awaited(k) ==
  Operational(k) \intersect
    CASE k.round = "none" -> {k.coordinator}
      [] k.round = "votes" -> Participants \ k.yes
      [] k.round = "reports" -> Processes \ DOMAIN k.reports
      [] k.round = "acknowledgements" -> Processes \ k.acknowledged

(***************************************************************************)
(* The application asks for things in order: it works for what has begun,  *)
(* and commits what all have worked for.                                   *)
(***************************************************************************)
HasBegun(t) == told[t]["begun"] # {}
HasWorked(t) == told[t]["working"] = Participants

-----------------------------------------------------------------------------
(***************************************************************************)
(* Sequences, for what has an order: broadcasts go out in the order of     *)
(* ids, recovery goes through transactions from the oldest on.             *)
(***************************************************************************)
Range(s) == {s[i] : i \in DOMAIN s}
Last(S) == CHOOSE i \in S : \A j \in S : j <= i
First(S) == CHOOSE i \in S : \A j \in S : i <= j
Map(Function(_), s) == [i \in DOMAIN s |-> Function(s[i])]

InOrder(S) ==
  LET all == [i \in 1..Cardinality(Processes) |-> i - 1]
  IN  SelectSeq(all, LAMBDA p : p \in S)

TransactionsInOrder ==
  [i \in 1..Cardinality(Transactions) |->
    <<((i - 1) \div TransactionsMax) + 1, ((i - 1) % TransactionsMax) + 1>>]

RECURSIVE Concatenated(_)
Concatenated(s) == IF s = <<>> THEN <<>> ELSE Head(s) \o Concatenated(Tail(s))

-----------------------------------------------------------------------------
(***************************************************************************)
(* What a disk holds after one more record, and after a queue of them.     *)
(***************************************************************************)
Apply(held, record) ==
  CASE record.type = "Started" -> [held EXCEPT !.epoch = record.epoch]
    [] record.type = "Prepared" ->
         [held EXCEPT !.remembered[record.transaction] = "prepared"]
    [] record.type = "Committed" ->
         [held EXCEPT !.remembered[record.transaction] = "committed"]
    [] record.type = "Aborted" ->
         [held EXCEPT !.remembered[record.transaction] = "aborted"]

RECURSIVE ApplyAll(_, _)
ApplyAll(held, queue) ==
  IF queue = <<>> THEN held
                  ELSE ApplyAll(Apply(held, Head(queue).record), Tail(queue))

Forced(record) == [record |-> record, forced |-> TRUE, waiting |-> <<>>]
Lazy(record) == [record |-> record, forced |-> FALSE, waiting |-> <<>>]
About(type, t) == [type |-> type, transaction |-> t]

(***************************************************************************)
(* What is said is heard: sent, or told.                                   *)
(***************************************************************************)
Hear(said, received) ==
  LET outputs == {s \in Range(said) : s.type = "Output"}
  IN  /\ messages' = (messages \ received) \union (Range(said) \ outputs)
      /\ told' = [t \in Transactions |-> [fact \in Facts |->
           told[t][fact] \union {s.from : s \in
             {o \in outputs : o.transaction = t /\ o.fact = fact}}]]

(***************************************************************************)
(* A step of a process receives at most one message, writes records and    *)
(* then says things: it sends messages and tells the application.          *)
(*                                                                         *)
(* Durable before told: while a forced record is pending, whatever its     *)
(* process says waits for the last one, behind what waits there already;   *)
(* what waits already need not wait twice.  A disk that does not buffer    *)
(* has every record durable at the end of the step that wrote it.          *)
(***************************************************************************)
WriteAndSay(p, input, written, said) ==
  LET queue == pending[p] \o written
      forced == {i \in DOMAIN queue : queue[i].forced}
      waiting == UNION {Range(queue[i].waiting) : i \in DOMAIN queue}
      new == SelectSeq(said, LAMBDA s : s \notin waiting)
      received == IF Duplicates THEN {} ELSE input
  IN  CASE ~Buffered ->
             /\ disk' = [disk EXCEPT ![p] = ApplyAll(@, written)]
             /\ Hear(said, received)
             /\ UNCHANGED pending
        [] Buffered /\ forced = {} ->
             /\ pending' = [pending EXCEPT ![p] = queue]
             /\ Hear(said, received)
             /\ UNCHANGED disk
        [] Buffered /\ forced # {} ->
             /\ pending' = [pending EXCEPT ![p] =
                  [queue EXCEPT ![Last(forced)].waiting = @ \o new]]
             /\ messages' = messages \ received
             /\ UNCHANGED <<disk, told>>

TakesInput(p) == p \in up /\ Len(pending[p]) < PendingMax

Apart(p, q) == (p \in cut) # (q \in cut)

-----------------------------------------------------------------------------
Tell(p, t, fact) ==
  [type |-> "Output", from |-> p, transaction |-> t, fact |-> fact]
Send(type, p, q, t) ==
  [type |-> type, from |-> p, to |-> q, transaction |-> t]
SendAll(type, p, S, t) == Map(LAMBDA q : Send(type, p, q, t), InOrder(S))
Vote(p, t, vote) ==
  [type |-> "Vote", from |-> p, to |-> Coordinator, transaction |-> t,
   vote |-> vote]
Decision(p, q, t, decision) ==
  [type |-> "Decision", from |-> p, to |-> q, transaction |-> t,
   decision |-> decision]
DecisionToAll(p, S, t, decision) ==
  Map(LAMBDA q : Decision(p, q, t, decision), InOrder(S))
StateReport(p, q, t, standing) ==
  [type |-> "StateReport", from |-> p, to |-> q, transaction |-> t,
   standing |-> standing]

(***************************************************************************)
(* A process's step as a value: what it knows of the transaction then,     *)
(* what it writes, and what it says.                                       *)
(***************************************************************************)
Step(k, written, said) == [knows |-> k, written |-> written, said |-> said]
Say(k, said) == Step(k, <<>>, said)
Nothing(k) == Step(k, <<>>, <<>>)
Then(first, second) ==
  Step(second.knows, first.written \o second.written, first.said \o second.said)

Outcome(decision) == IF decision = "Commit" THEN "committed" ELSE "aborted"
Recorded(decision) == IF decision = "Commit" THEN "Committed" ELSE "Aborted"

(***************************************************************************)
(* Decides, and tells only the application.                                *)
(***************************************************************************)
Settle(p, t, decision) ==
  Step(Stands(Outcome(decision)), <<Forced(About(Recorded(decision), t))>>,
       <<Tell(p, t, Outcome(decision))>>)

(***************************************************************************)
(* A coordinator decides, and tells all who have not failed.               *)
(***************************************************************************)
Decide(p, t, k, decision) ==
  Then(Settle(p, t, decision),
       Say(Stands(Outcome(decision)),
           DecisionToAll(p, Operational(k) \ {p}, t, decision)))

(***************************************************************************)
(* The commit point: all others that have not failed have acknowledged.    *)
(* Those that have failed are not waited for: when they come up again,     *)
(* they ask.                                                               *)
(***************************************************************************)
CheckAcknowledgements(p, t, k) ==
  IF Operational(k) \ {p} \subseteq k.acknowledged
    THEN Decide(p, t, k, "Commit")
    ELSE Nothing(k)

(***************************************************************************)
(* The second phase, of the first coordinator or of one that terminates:   *)
(* all who are uncertain become committable, itself included.              *)
(***************************************************************************)
BeginSecondPhase(p, t, k) ==
  LET committable == {q \in DOMAIN k.reports : k.reports[q] = "committable"}
      next == [k EXCEPT !.standing = "committable",
                        !.round = "acknowledgements",
                        !.yes = {}, !.reports = <<>>,
                        !.acknowledged = {p} \union committable]
  IN  Then(Say(next, SendAll("PreCommit", p, Awaited(next), t)),
           CheckAcknowledgements(p, t, next))

(***************************************************************************)
(* The termination rules, when all that are operational have reported.     *)
(*                                                                         *)
(* TR1  Somebody has aborted: abort.                                       *)
(* TR2  Somebody has committed: commit.                                    *)
(* TR3  All are uncertain: nobody has committed, for nobody commits while  *)
(*      another that is operational is uncertain.  Abort.                  *)
(* TR4  Somebody is committable, nobody has committed: the second phase,   *)
(*      and then commit.                                                   *)
(***************************************************************************)
CheckReports(p, t, k) ==
  LET said == Range(k.reports)
  IN  CASE Awaited(k) # {} -> Nothing(k)
        [] Awaited(k) = {} /\ "aborted" \in said -> Decide(p, t, k, "Abort")
        [] Awaited(k) = {} /\ "aborted" \notin said /\ "committed" \in said ->
             Decide(p, t, k, "Commit")
        [] Awaited(k) = {} /\ said = {"uncertain"} -> Decide(p, t, k, "Abort")
        [] OTHER -> BeginSecondPhase(p, t, k)

(***************************************************************************)
(* Whoever follows a coordinator takes all before it to have failed, and   *)
(* ignores them from then on.                                              *)
(***************************************************************************)
Follow(k, q) ==
  [k EXCEPT !.coordinator = q,
            !.failed = @ \union {r \in Processes : r < q},
            !.round = "none",
            !.yes = {}, !.reports = <<>>, !.acknowledged = {}]

(***************************************************************************)
(* It coordinates from now on, and asks where all stand.                   *)
(***************************************************************************)
Terminate(p, t, k) ==
  LET own == [q \in {p} |-> k.standing]
      next == [Follow(k, p) EXCEPT !.round = "reports", !.reports = own]
  IN  Then(Say(next, SendAll("StateRequest", p, Awaited(next), t)),
           CheckReports(p, t, next))

(***************************************************************************)
(* The coordinator has failed: whoever is next in the order of ids         *)
(* coordinates.                                                            *)
(***************************************************************************)
Elect(p, t, k) ==
  LET candidates == {q \in Operational(k) : q > k.coordinator}
      next == First(candidates)
  IN  CASE candidates = {} -> Nothing(k)
        [] candidates # {} /\ next = p -> Terminate(p, t, k)
        [] OTHER -> Say(Follow(k, next), <<Send("Elected", p, next, t)>>)

(***************************************************************************)
(* Process q has failed: p suspects it, or it says so itself.              *)
(***************************************************************************)
Fails(p, t, k, q) ==
  LET next == [k EXCEPT !.failed = @ \union {q}]
      alone == IF k.standing = "committable" THEN "Commit" ELSE "Abort"
  IN  CASE ~IsUndecided(k) \/ q \in k.failed -> Nothing(k)
        [] OTHER ->
             CASE k.round = "votes" -> Decide(p, t, next, "Abort")
               [] k.round = "reports" -> CheckReports(p, t, next)
               [] k.round = "acknowledgements" ->
                    CheckAcknowledgements(p, t, next)
               [] k.round = "none" /\ k.coordinator # q -> Nothing(next)
               [] k.round = "none" /\ k.coordinator = q /\ Terminates ->
                    Elect(p, t, next)
               [] k.round = "none" /\ k.coordinator = q /\ ~Terminates ->
                    Settle(p, t, alone)

(***************************************************************************)
(* Tells q the outcome, if it is known, or if p can still make it abort:   *)
(* it has not voted, and will vote No.  The coordinator remembers whatever *)
(* it has asked for votes on.                                              *)
(***************************************************************************)
TellOutcome(p, t, k, q) ==
  LET answer(decision) == <<Decision(p, q, t, decision)>>
  IN  CASE k.standing = "committed" -> Say(k, answer("Commit"))
        [] k.standing = "aborted" -> Say(k, answer("Abort"))
        [] k.standing \in {"unknown", "working"} /\ p # Coordinator ->
             Then(Settle(p, t, "Abort"), Say(Stands("aborted"), answer("Abort")))
        [] OTHER -> Nothing(k)

-----------------------------------------------------------------------------
(***************************************************************************)
(* Steps as they are taken.  (The quantifier has TLC work out a step once, *)
(* and not wherever it is named.)                                          *)
(***************************************************************************)
Take(p, t, input, step) ==
  \E taken \in {step} :
    /\ knows' = [knows EXCEPT ![p][t] = taken.knows]
    /\ WriteAndSay(p, input, taken.written, taken.said)
    /\ UNCHANGED <<up, epoch, cut, faults>>

TakeOwn(p, t, step) ==
  /\ Take(p, t, {}, step)
  /\ UNCHANGED <<begun, begins>>

Receives(m, type) ==
  /\ m.type = type
  /\ TakesInput(m.to)
  /\ ~Apart(m.from, m.to)

React(m, step) ==
  /\ Take(m.to, m.transaction, {m}, step)
  /\ UNCHANGED <<begun, begins>>

KnownTo(m) == knows[m.to][m.transaction]

-----------------------------------------------------------------------------
(***************************************************************************)
(*                           The three phases                              *)
(***************************************************************************)

(***************************************************************************)
(* The application asks for a transaction.  The name is new: within an     *)
(* epoch numbers only grow, and the epoch is durable before anyone hears   *)
(* of the name.                                                            *)
(***************************************************************************)
Begin ==
  LET t == <<epoch, begun + 1>>
  IN  /\ begins < TransactionsMax
      /\ TakesInput(Coordinator)
      /\ begins' = begins + 1
      /\ begun' = begun + 1
      /\ Take(Coordinator, t, {},
              Say(Stands("working"), <<Tell(Coordinator, t, "begun")>>))

(***************************************************************************)
(* The application works at a participant, for the first time or again.    *)
(* Work is volatile: a crash loses it.                                     *)
(***************************************************************************)
Work(p, t) ==
  /\ HasBegun(t)
  /\ TakesInput(p)
  /\ knows[p][t].standing \in {"unknown", "working"}
  /\ TakeOwn(p, t, Say(Stands("working"), <<Tell(p, t, "working")>>))

(***************************************************************************)
(* The first phase.  The application asks to commit what all have worked   *)
(* for; from here on the coordinator cannot decide on its own when it has  *)
(* failed, so that this is on its disk before anybody votes.               *)
(***************************************************************************)
RequestVotes(t) ==
  LET next == [Stands("uncertain") EXCEPT !.round = "votes"]
  IN  /\ HasBegun(t) /\ HasWorked(t)
      /\ TakesInput(Coordinator)
      /\ knows[Coordinator][t].standing = "working"
      /\ TakeOwn(Coordinator, t,
           Step(next, <<Forced(About("Prepared", t))>>,
                SendAll("Prepare", Coordinator, Participants, t)))

(***************************************************************************)
(* A participant that has the work promises to do as it is told, durably   *)
(* before it says so, and is uncertain from now on.  Who has aborted, or   *)
(* does not know the transaction, votes No; durably too, since the work    *)
(* might be done again.  A Yes is repeated to whom it was given; who has   *)
(* come to follow another, has failed or knows the commit, says nothing.   *)
(***************************************************************************)
CastVote(m) ==
  LET p == m.to
      t == m.transaction
      k == KnownTo(m)
      say(vote) == <<Vote(p, t, vote)>>
  IN  /\ Receives(m, "Prepare")
      /\ React(m,
           CASE k.standing = "working" ->
                  Step(Stands("uncertain"), <<Forced(About("Prepared", t))>>,
                       <<Tell(p, t, "prepared")>> \o say("Yes"))
             [] IsUndecided(k) /\ k.coordinator = Coordinator ->
                  Say(k, say("Yes"))
             [] k.standing = "unknown" ->
                  Then(Settle(p, t, "Abort"), Say(Stands("aborted"), say("No")))
             [] k.standing = "aborted" -> Say(k, say("No"))
             [] OTHER -> Nothing(k))

(***************************************************************************)
(* The coordinator counts votes.  At the last Yes the second phase begins; *)
(* at a No it aborts, and need not tell who has said it.                   *)
(***************************************************************************)
CountVote(m) ==
  LET t == m.transaction
      k == KnownTo(m)
      yes == k.yes \union {m.from}
  IN  /\ Receives(m, "Vote")
      /\ React(m,
           CASE k.round # "votes" -> Nothing(k)
             [] k.round = "votes" /\ m.vote = "No" ->
                  Decide(Coordinator, t, [k EXCEPT !.failed = @ \union {m.from}],
                         "Abort")
             [] k.round = "votes" /\ m.vote = "Yes" /\ yes = Participants ->
                  BeginSecondPhase(Coordinator, t, k)
             [] OTHER -> Nothing([k EXCEPT !.yes = yes]))

(***************************************************************************)
(* Votes have not come in time.  Nobody is committable: it may abort.      *)
(***************************************************************************)
Expires(t) == knows[Coordinator][t].round = "votes"
Abort(t) ==
  TakeOwn(Coordinator, t,
          Decide(Coordinator, t, knows[Coordinator][t], "Abort"))

(***************************************************************************)
(* The second phase at another process: it is committable from now on.     *)
(* Who has decided says so.                                                *)
(***************************************************************************)
BecomeCommittable(m) ==
  LET k == KnownTo(m)
      next == [Follow(k, m.from) EXCEPT !.standing = "committable"]
  IN  /\ Receives(m, "PreCommit")
      /\ React(m,
           CASE IsUndecided(k) /\ m.from \notin k.failed ->
                  Say(next, <<Send("Acknowledge", m.to, m.from, m.transaction)>>)
             [] k.standing \in Finished ->
                  TellOutcome(m.to, m.transaction, k, m.from)
             [] OTHER -> Nothing(k))

CountAcknowledge(m) ==
  LET k == KnownTo(m)
      next == [k EXCEPT !.acknowledged = @ \union {m.from}]
  IN  /\ Receives(m, "Acknowledge")
      /\ React(m,
           IF k.round = "acknowledgements" /\ m.from \notin k.failed
             THEN CheckAcknowledgements(m.to, m.transaction, next)
             ELSE Nothing(k))

(***************************************************************************)
(* The outcome is told.  An abort need not be forced: if a crash loses it, *)
(* the process asks, or never promised.  What the coordinator still works  *)
(* on nobody else has decided.                                             *)
(***************************************************************************)
Learn(m) ==
  LET p == m.to
      t == m.transaction
      k == KnownTo(m)
      isOpen == k.standing \in Undecided \union {"recovering"}
      isWork == k.standing = "working" /\ p # Coordinator
  IN  /\ Receives(m, "Decision")
      /\ React(m,
           CASE m.decision = "Commit" /\ isOpen -> Settle(p, t, "Commit")
             [] m.decision = "Abort" /\ (isOpen \/ isWork) ->
                  Step(Stands("aborted"), <<Lazy(About("Aborted", t))>>,
                       <<Tell(p, t, "aborted")>>)
             [] OTHER -> Nothing(k))

-----------------------------------------------------------------------------
(***************************************************************************)
(*                        The termination protocol                         *)
(***************************************************************************)

(***************************************************************************)
(* It is told that it coordinates.  Who is not undecided says the outcome; *)
(* who has failed says nothing: that it has, its inquiry says.             *)
(***************************************************************************)
AcceptElection(m) ==
  LET k == KnownTo(m)
  IN  /\ Receives(m, "Elected")
      /\ React(m,
           CASE IsUndecided(k) /\ k.coordinator < m.to ->
                  Terminate(m.to, m.transaction, k)
             [] IsUndecided(k) /\ k.coordinator >= m.to -> Nothing(k)
             [] OTHER -> TellOutcome(m.to, m.transaction, k, m.from))

(***************************************************************************)
(* A coordinator asks where it stands.  It ignores all before that one     *)
(* from now on.  Who has not voted aborts, and is counted as aborted; who  *)
(* has failed is not counted.                                              *)
(***************************************************************************)
Report(m) ==
  LET p == m.to
      t == m.transaction
      k == KnownTo(m)
      report(standing) == <<StateReport(p, m.from, t, standing)>>
  IN  /\ Receives(m, "StateRequest")
      /\ React(m,
           CASE IsUndecided(k) /\ m.from \notin k.failed ->
                  Say(Follow(k, m.from), report(k.standing))
             [] k.standing \in Finished -> Say(k, report(k.standing))
             [] k.standing \in {"unknown", "working"} ->
                  Then(Settle(p, t, "Abort"),
                       Say(Stands("aborted"), report("aborted")))
             [] OTHER -> Nothing(k))

CountReport(m) ==
  LET k == KnownTo(m)
      reports == [q \in DOMAIN k.reports \union {m.from} |->
                   IF q = m.from THEN m.standing ELSE k.reports[q]]
  IN  /\ Receives(m, "StateReport")
      /\ React(m,
           IF k.round = "reports" /\ m.from \notin k.failed
             THEN CheckReports(m.to, m.transaction,
                               [k EXCEPT !.reports = reports])
             ELSE Nothing(k))

-----------------------------------------------------------------------------
(***************************************************************************)
(*                               Recovery                                  *)
(***************************************************************************)
InquireOfAll(p, t) == SendAll("Inquire", p, Processes \ {p}, t)

(***************************************************************************)
(* A process comes up again with its promises and its outcomes, and tells  *)
(* them again.  Where it was undecided it asks everybody, for the others   *)
(* may have decided either way since it failed.  The coordinator begins a  *)
(* new epoch.                                                              *)
(***************************************************************************)
Recover(p) ==
  LET held == disk[p]
      standing(t) == IF held.remembered[t] = "prepared"
                       THEN "recovering" ELSE held.remembered[t]
      said(t) ==
        CASE held.remembered[t] = "unknown" -> <<>>
          [] held.remembered[t] = "prepared" /\ p = Coordinator ->
               InquireOfAll(p, t)
          [] OTHER ->
               <<Tell(p, t, held.remembered[t])>> \o
                 (IF held.remembered[t] = "prepared" THEN InquireOfAll(p, t)
                                                     ELSE <<>>)
      next == held.epoch + 1
  IN  /\ Recovery /\ p \notin up
      /\ up' = up \union {p}
      /\ epoch' = IF p = Coordinator THEN next ELSE epoch
      /\ knows' = [knows EXCEPT ![p] =
           [t \in Transactions |-> Stands(standing(t))]]
      /\ WriteAndSay(p, {},
           IF p = Coordinator
             THEN <<Forced([type |-> "Started", epoch |-> next])>> ELSE <<>>,
           Concatenated(Map(said, TransactionsInOrder)))
      /\ UNCHANGED <<begun, cut, begins, faults>>

(***************************************************************************)
(* Somebody asks for the outcome: it has failed, and is told what is       *)
(* known.                                                                  *)
(***************************************************************************)
Answer(m) ==
  LET p == m.to
      t == m.transaction
      failed == Fails(p, t, KnownTo(m), m.from)
  IN  /\ Receives(m, "Inquire")
      /\ React(m, Then(failed, TellOutcome(p, t, failed.knows, m.from)))

-----------------------------------------------------------------------------
(***************************************************************************)
(*                           The application                               *)
(***************************************************************************)

(***************************************************************************)
(* It gives up at a participant that has not voted, or at the coordinator  *)
(* while that still may abort.                                             *)
(***************************************************************************)
GiveUp(p, t) ==
  LET k == knows[p][t]
  IN  /\ Aborts /\ HasBegun(t)
      /\ TakesInput(p)
      /\ \/ k.standing = "working" /\ TakeOwn(p, t, Settle(p, t, "Abort"))
         \/ p = Coordinator /\ k.round = "votes" /\ Abort(t)

(***************************************************************************)
(* It asks again for a commit that is decided, and is told again.          *)
(***************************************************************************)
TellAgain(t) ==
  LET k == knows[Coordinator][t]
  IN  /\ HasBegun(t) /\ HasWorked(t)
      /\ TakesInput(Coordinator)
      /\ k.standing \in Finished
      /\ TakeOwn(Coordinator, t, Say(k, <<Tell(Coordinator, t, k.standing)>>))

(***************************************************************************)
(* It asks for what cannot be met: to commit or give up what the process   *)
(* does not know, to work for or give up what it is bound by or what is    *)
(* finished.                                                               *)
(***************************************************************************)
Refuse(p, t) ==
  LET k == knows[p][t]
      why == CASE k.standing = "unknown" -> "refused as unknown"
               [] k.standing \in Finished -> "refused as finished"
               [] OTHER -> "refused as prepared"
      mayAsk == CASE Aborts -> TRUE
                  [] ~Aborts /\ p = Coordinator ->
                       k.standing = "unknown" /\ HasWorked(t)
                  [] OTHER -> k.standing # "unknown"
  IN  /\ HasBegun(t)
      /\ TakesInput(p)
      /\ mayAsk
      /\ k.standing # "working" /\ k.round # "votes"
      /\ TakeOwn(p, t, Say(k, <<Tell(p, t, why)>>))

-----------------------------------------------------------------------------
(***************************************************************************)
(*                               Timers                                    *)
(*                                                                         *)
(* Asynchronous timers fire whenever they are set.  Accurate ones fire     *)
(* only at rest: where no message can arrive and nothing is left to flush, *)
(* so that they are longer than all that is on its way.  Where messages    *)
(* are received again and again there is no such rest.                     *)
(***************************************************************************)

AtRest ==
  /\ \A p \in Processes : pending[p] = <<>>
  /\ \A m \in messages : m.to \notin up \/ Apart(m.from, m.to)

MayFire(p) ==
  /\ TakesInput(p)
  /\ CASE Timers = "never" -> FALSE
       [] Timers = "asynchronous" -> TRUE
       [] Timers = "accurate" -> AtRest

Deadline(t) ==
  /\ Expires(t)
  /\ MayFire(Coordinator)
  /\ Abort(t)

(***************************************************************************)
(* Something may have been lost: it is said once more.                     *)
(***************************************************************************)
Resend(p, t) ==
  LET k == knows[p][t]
      type == CASE k.round = "none" -> "Elected"
                [] k.round = "reports" -> "StateRequest"
                [] k.round = "acknowledgements" -> "PreCommit"
  IN  /\ IsUndecided(k) /\ k.round # "votes"
      /\ MayFire(p)
      /\ TakeOwn(p, t, Say(k, SendAll(type, p, Awaited(k), t)))

(***************************************************************************)
(* Nothing is heard of a process of which something is expected.  With     *)
(* accurate timers it is down, or cut off: nobody can tell which.          *)
(***************************************************************************)
Suspect(p, q, t) ==
  LET k == knows[p][t]
  IN  /\ IsUndecided(k) /\ k.round # "votes"
      /\ q \in Awaited(k)
      /\ Timers = "accurate" => q \notin up \/ Apart(p, q)
      /\ MayFire(p)
      /\ TakeOwn(p, t, Fails(p, t, k, q))

(***************************************************************************)
(* Nobody has told the outcome.                                            *)
(***************************************************************************)
Inquire(p, t) ==
  /\ knows[p][t].standing = "recovering"
  /\ MayFire(p)
  /\ TakeOwn(p, t, Say(knows[p][t], InquireOfAll(p, t)))

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
  /\ UNCHANGED <<processVariables, cut, begins, faults>>

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
  /\ knows' = [knows EXCEPT ![p] = NothingKnown]
  /\ epoch' = IF p = Coordinator THEN 0 ELSE epoch
  /\ begun' = IF p = Coordinator THEN 0 ELSE begun
  /\ pending' = [pending EXCEPT ![p] = <<>>]
  /\ \E lost \in SUBSET {m \in messages : m.from = p /\ ~Duplicates} :
       messages' = messages \ lost
  /\ UNCHANGED <<disk, cut, begins, told, drops, partitions>>

(***************************************************************************)
(* A message is lost for ever, unless it is sent again.                    *)
(***************************************************************************)
Drop(m) ==
  /\ drops < DropsMax
  /\ messages' = messages \ {m}
  /\ drops' = drops + 1
  /\ UNCHANGED <<processVariables, diskVariables, cut, begins, told, crashes,
                 partitions>>

(***************************************************************************)
(* The network parts: no message crosses; what is in flight waits.         *)
(***************************************************************************)
Partition(side) ==
  /\ cut = {} /\ side # {}
  /\ partitions < PartitionsMax
  /\ cut' = side
  /\ partitions' = partitions + 1
  /\ UNCHANGED <<processVariables, diskVariables, messages, begins, told,
                 crashes, drops>>

Heal ==
  /\ Heals /\ cut # {}
  /\ cut' = {}
  /\ UNCHANGED <<processVariables, diskVariables, messages, begins, told,
                 faults>>

-----------------------------------------------------------------------------
(***************************************************************************)
(* At the beginning all are up, disks are empty, and the coordinator       *)
(* writes its first epoch.                                                 *)
(***************************************************************************)
Init ==
  LET started == [type |-> "Started", epoch |-> 1]
  IN  /\ up = Processes
      /\ epoch = 1 /\ begun = 0
      /\ knows = [p \in Processes |-> NothingKnown]
      /\ disk = [p \in Processes |->
           [epoch |-> IF p = Coordinator /\ ~Buffered THEN 1 ELSE 0,
            remembered |-> [t \in Transactions |-> "unknown"]]]
      /\ pending = [p \in Processes |->
           IF p = Coordinator /\ Buffered THEN <<Forced(started)>> ELSE <<>>]
      /\ messages = {}
      /\ cut = {}
      /\ begins = 0
      /\ told = [t \in Transactions |-> [fact \in Facts |-> {}]]
      /\ crashes = 0
      /\ drops = 0
      /\ partitions = 0

Next ==
  \/ Begin
  \/ \E p \in Participants, t \in Transactions : Work(p, t)
  \/ \E t \in Transactions : RequestVotes(t)
  \/ \E m \in messages : CastVote(m)
  \/ \E m \in messages : CountVote(m)
  \/ \E m \in messages : BecomeCommittable(m)
  \/ \E m \in messages : CountAcknowledge(m)
  \/ \E m \in messages : Learn(m)
  \/ \E m \in messages : AcceptElection(m)
  \/ \E m \in messages : Report(m)
  \/ \E m \in messages : CountReport(m)
  \/ \E p \in Processes : Recover(p)
  \/ \E m \in messages : Answer(m)
  \/ \E p \in Processes, t \in Transactions : GiveUp(p, t)
  \/ \E t \in Transactions : TellAgain(t)
  \/ \E p \in Processes, t \in Transactions : Refuse(p, t)
  \/ \E t \in Transactions : Deadline(t)
  \/ \E p \in Processes, t \in Transactions : Resend(p, t)
  \/ \E p, q \in Processes, t \in Transactions : Suspect(p, q, t)
  \/ \E p \in Processes, t \in Transactions : Inquire(p, t)
  \/ \E p \in Processes : Flush(p)
  \/ \E p \in Processes : Crash(p)
  \/ \E m \in messages : Drop(m)
  \/ \E side \in SUBSET Participants : Partition(side)
  \/ Heal

Spec == Init /\ [][Next]_vars

-----------------------------------------------------------------------------
(***************************************************************************)
(*                               Fairness                                  *)
(*                                                                         *)
(* Spec lets everything stop at any moment.  To show that something will   *)
(* happen, one has to assume of some actions that they do not stay enabled *)
(* for ever without being taken.  Nothing is assumed of crashes, drops,    *)
(* partitions and the application: they need not happen.                   *)
(***************************************************************************)

(***************************************************************************)
(* A process receives a message: all that may come of it.                  *)
(***************************************************************************)
Receive(m) ==
  /\ m \in messages
  /\ CASE m.type = "Prepare" -> CastVote(m)
       [] m.type = "Vote" -> CountVote(m)
       [] m.type = "PreCommit" -> BecomeCommittable(m)
       [] m.type = "Acknowledge" -> CountAcknowledge(m)
       [] m.type = "Decision" -> Learn(m)
       [] m.type = "Elected" -> AcceptElection(m)
       [] m.type = "StateRequest" -> Report(m)
       [] m.type = "StateReport" -> CountReport(m)
       [] m.type = "Inquire" -> Answer(m)

(***************************************************************************)
(* A message that is not lost arrives at last, if its receiver stays up    *)
(* and can be reached.                                                     *)
(***************************************************************************)
FairDelivery == \A m \in Message : WF_vars(Receive(m))

(***************************************************************************)
(* Clocks run: whoever waits stops waiting at last, says again what may be *)
(* lost, and asks for the outcome again.                                   *)
(*                                                                         *)
(* Accurate timers fire only at rest, and what one process says again ends *)
(* the rest of all others, for ever if need be.  Weak fairness would let   *)
(* them wait for ever.                                                     *)
(***************************************************************************)
StopWaiting(p) ==
  \E t \in Transactions :
    \/ p = Coordinator /\ Deadline(t)
    \/ \E q \in Processes : Suspect(p, q, t)

SayAgain(p) == \E t \in Transactions : Resend(p, t)

InquireAgain(p) == \E t \in Transactions : Inquire(p, t)

FairTimers ==
  /\ \A p \in Processes : SF_vars(StopWaiting(p))
  /\ \A p \in Processes : SF_vars(SayAgain(p))
  /\ \A p \in Processes : SF_vars(InquireAgain(p))

(***************************************************************************)
(* A disk gets its work done, if its process stays up.                     *)
(***************************************************************************)
FairFlushes == \A p \in Processes : WF_vars(Flush(p))

(***************************************************************************)
(* A process that has crashed is restarted at last: somebody sees to it.   *)
(***************************************************************************)
FairRecovery == \A p \in Processes : WF_vars(Recover(p))

(***************************************************************************)
(* A network that can heal does.                                           *)
(***************************************************************************)
FairHealing == WF_vars(Heal)

Fairness ==
  /\ FairDelivery
  /\ FairTimers
  /\ FairFlushes
  /\ FairRecovery
  /\ FairHealing

FairSpec == Spec /\ Fairness

-----------------------------------------------------------------------------
(***************************************************************************)
(* AC1: no two processes decide differently.                               *)
(***************************************************************************)
Agreement ==
  \A t \in Transactions :
    \A p \in told[t]["committed"], q \in told[t]["aborted"] : p = q

(***************************************************************************)
(* AC2: no process contradicts itself, also across a crash.                *)
(***************************************************************************)
Stability ==
  \A t \in Transactions :
    told[t]["committed"] \intersect told[t]["aborted"] = {}

(***************************************************************************)
(* AC3: if any process commits, all participants have promised.            *)
(***************************************************************************)
Validity ==
  \A t \in Transactions :
    told[t]["committed"] # {} => Participants \subseteq told[t]["prepared"]

(***************************************************************************)
(* What makes it non-blocking: nobody is committed while an operational    *)
(* process is uncertain.                                                   *)
(***************************************************************************)
NoneUncertain ==
  \A t \in Transactions :
    told[t]["committed"] # {} =>
      \A p \in up : knows[p][t].standing # "uncertain"

(***************************************************************************)
(* What a disk will hold is what its process believes that it does.        *)
(***************************************************************************)
Believed(p) ==
  [epoch |-> IF p = Coordinator THEN epoch ELSE 0,
   remembered |-> [t \in Transactions |->
     LET standing == knows[p][t].standing
     IN  CASE standing = "working" -> "unknown"
           [] standing \in Undecided \union {"recovering"} -> "prepared"
           [] OTHER -> standing]]

RecoveryReadsBack == \A p \in up : ApplyAll(disk[p], pending[p]) = Believed(p)

TypeOK ==
  /\ up \subseteq Processes
  /\ epoch \in {0} \union Epochs
  /\ begun \in 0..TransactionsMax
  /\ knows \in [Processes -> [Transactions -> Knowledge]]
  /\ \A p \in Processes : disk[p] \in
       [epoch : {0} \union Epochs,
        remembered : [Transactions -> {"unknown", "prepared"} \union Finished]]
  /\ \A p \in Processes : \A i \in DOMAIN pending[p] :
       /\ pending[p][i].record \in Record
       /\ pending[p][i].forced \in BOOLEAN
       /\ Range(pending[p][i].waiting) \subseteq Message \union Output
       /\ pending[p][i].forced \/ pending[p][i].waiting = <<>>
  /\ messages \subseteq Message
  /\ cut \subseteq Participants
  /\ begins \in 0..TransactionsMax
  /\ told \in [Transactions -> [Facts -> SUBSET Processes]]
  /\ crashes \in 0..CrashesMax
  /\ drops \in 0..DropsMax
  /\ partitions \in 0..PartitionsMax

-----------------------------------------------------------------------------
(***************************************************************************)
(*                               Liveness                                  *)
(***************************************************************************)

(***************************************************************************)
(* Non-blocking: whoever takes part decides, or fails itself.              *)
(***************************************************************************)
IsOperational(p, t) == p \in up /\ IsUndecided(knows[p][t])

NonBlocking ==
  \A p \in Processes, t \in Transactions :
    IsOperational(p, t) ~> ~IsOperational(p, t)

(***************************************************************************)
(* AC5: whoever has failed and come back learns the outcome.               *)
(***************************************************************************)
IsInDoubt(p, t) == disk[p].remembered[t] = "prepared"

RecoveredLearn ==
  \A p \in Processes, t \in Transactions :
    IsInDoubt(p, t) ~> ~IsInDoubt(p, t)

(***************************************************************************)
(* AC4: if nothing fails and all vote Yes, all commit.                     *)
(***************************************************************************)
AllCommit ==
  \A t \in Transactions :
    IsOperational(Coordinator, t) ~> told[t]["committed"] = Processes
=============================================================================
