--------------------------- MODULE TwoPhaseCommit ---------------------------
(***************************************************************************)
(* Two-phase commit with presumed abort, and the disks that it stands on.  *)
(*                                                                         *)
(* Mohan, Lindsay, Obermarck: Transaction Management in the R* Distributed *)
(* Database Management System, 1986, is the protocol; Bernstein,           *)
(* Hadzilacos, Goodman: Concurrency Control and Recovery in Database       *)
(* Systems, 1987, chapter 7, its claims, its time-outs and cooperative     *)
(* termination.  Process 0 coordinates, every other process takes part in  *)
(* every transaction.  A record is *forced* if nothing that its writer     *)
(* says after it may be heard before it is durable; else it is *lazy*.     *)
(***************************************************************************)
EXTENDS Naturals, Sequences, FiniteSets

CONSTANTS
  Participants,     \* The participants: {1, ..., n}.
  TransactionsMax,  \* How many transactions the application asks for.
  Cooperative,      \* Whether a participant in doubt asks its peers too.
  Aborts,           \* Whether the application may abort.
  Timeouts,         \* Whether timers fire: any that is set, at any moment.
  Buffered,         \* Whether records become durable in steps of their own.
  PendingMax,       \* With so many pending records, a process takes no input.
  CrashesMax,       \* How many crashes there may be.
  DownMax,          \* How many processes may be down at once.
  Recovery,         \* Whether a process that is down may come up again.
  DropsMax          \* How many messages may be lost for ever.

ASSUME
  /\ Participants = 1..Cardinality(Participants)
  /\ {Cooperative, Aborts, Timeouts, Buffered, Recovery} \subseteq BOOLEAN
  /\ TransactionsMax \in Nat \ {0} /\ PendingMax \in Nat \ {0}
  /\ CrashesMax \in Nat /\ DownMax \in Nat /\ DropsMax \in Nat

Coordinator == 0
Processes == {Coordinator} \union Participants

(***************************************************************************)
(* A transaction's name is the coordinator's epoch, which grows with each  *)
(* of its starts, and a number within the epoch.                           *)
(***************************************************************************)
Epochs == 1..(IF Recovery THEN CrashesMax + 1 ELSE 1)
Transactions == Epochs \X (1..TransactionsMax)
Nothing == <<0, 0>>     \* A name before all others.

Before(t, u) == t[1] < u[1] \/ (t[1] = u[1] /\ t[2] < u[2])

-----------------------------------------------------------------------------
(***************************************************************************)
(* What processes send each other.                                         *)
(*                                                                         *)
(* Prepare      The coordinator asks for a vote, and says that it has      *)
(*              nothing unfinished before retiredBelow.                    *)
(* Vote         A participant's answer.  Yes is a promise.                 *)
(* Decision     The outcome, from the coordinator or from a peer.          *)
(* Acknowledge  A participant's commit is durable.                         *)
(* Inquire      A participant in doubt asks for the outcome.               *)
(***************************************************************************)
Answering ==      \* Who may know an outcome that a participant asks for.
  IF Cooperative THEN Processes ELSE {Coordinator}

Message ==
       [type : {"Prepare"}, from : {Coordinator}, to : Participants,
        transaction : Transactions, retiredBelow : Transactions]
  \union
       [type : {"Vote"}, from : Participants, to : {Coordinator},
        transaction : Transactions, vote : {"Yes", "No"}]
  \union
       [type : {"Decision"}, from : Answering, to : Participants,
        transaction : Transactions, decision : {"Commit", "Abort"}]
  \union
       [type : {"Acknowledge"}, from : Participants, to : {Coordinator},
        transaction : Transactions]
  \union
       [type : {"Inquire"}, from : Participants, to : Answering,
        transaction : Transactions]

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
(* What processes write.  The coordinator: Started (forced: its epoch),    *)
(* Commit (forced: its decision) and End (lazy: all have acknowledged).    *)
(* A participant: Prepared (forced: its promise), Committed (forced),      *)
(* Aborted (forced if it is its own abort, lazy if it was told) and        *)
(* Retired (lazy: outcomes before some name are forgotten).                *)
(***************************************************************************)
Record ==
       [type : {"Started"}, epoch : Epochs]
  \union
       [type : {"Commit", "End", "Prepared", "Committed", "Aborted"},
        transaction : Transactions]
  \union
       [type : {"Retired"}, below : Transactions]

-----------------------------------------------------------------------------
VARIABLES
  up,              \* The processes that are up.  A crash resets what a
                   \* process knows to its initial value.

  epoch,           \* Coordinator: the epoch of the names that it gives out.
  begun,           \* Coordinator: how many it has given out in this epoch.
  phase,           \* Coordinator: phase[t] is where t stands: working, voting,
                   \* committed; unknown if it was never begun, or forgotten.
  yes,             \* Coordinator: who has voted Yes, while t is voting.
  unacknowledged,  \* Coordinator: whose commit of t may not be durable yet.

  status,          \* status[p][t] is where t stands at participant p: working,
                   \* prepared (in doubt), committed, aborted, or unknown.
  watermark,       \* watermark[p]: p has forgotten outcomes before this name.

  disk,            \* disk[p] is the fold of p's durable records.
  pending,         \* pending[p] are the records that p has written and that
                   \* are not durable, oldest first, each with what waits to
                   \* be said until it is.

  messages,        \* Every message ever sent and not dropped.  Receiving one
                   \* does not remove it: it may be received again, late, or
                   \* never.

  begins,          \* How often the application has asked to begin.
  told,            \* told[t][f]: who has told the application fact f of t.
                   \* Crashes do not erase it.

  crashes,         \* How many crashes there were.
  drops            \* How many messages were lost for ever.

coordinatorVariables == <<epoch, begun, phase, yes, unacknowledged>>
participantVariables == <<status, watermark>>
diskVariables == <<disk, pending>>
faults == <<crashes, drops>>
vars == <<up, coordinatorVariables, participantVariables, diskVariables,
          messages, begins, told, faults>>

Phase == {"unknown", "working", "voting", "committed"}
Status == {"unknown", "working", "prepared", "committed", "aborted"}
Finished == {"committed", "aborted"}

AllUnknown == [t \in Transactions |-> "unknown"]
Nobody == [t \in Transactions |-> {}]

-----------------------------------------------------------------------------
(***************************************************************************)
(* Sequences, for what has an order: broadcasts go out in the order of     *)
(* participants, recovery goes through transactions from the oldest on.    *)
(***************************************************************************)
Range(s) == {s[i] : i \in DOMAIN s}
Last(S) == CHOOSE i \in S : \A j \in S : j <= i

ParticipantsInOrder(S) ==
  LET all == [p \in Participants |-> p]
  IN  SelectSeq(all, LAMBDA p : p \in S)

TransactionsInOrder(S) ==
  LET count == Cardinality(Transactions)
      all == [i \in 1..count |-> <<((i - 1) \div TransactionsMax) + 1,
                                   ((i - 1) % TransactionsMax) + 1>>]
  IN  SelectSeq(all, LAMBDA t : t \in S)

Map(Function(_), s) == [i \in DOMAIN s |-> Function(s[i])]

(***************************************************************************)
(* What a disk holds after one more record, and after a queue of them.     *)
(***************************************************************************)
ForgetFinished(statuses, below) ==
  [t \in Transactions |->
    IF Before(t, below) /\ statuses[t] \in Finished THEN "unknown"
                                                    ELSE statuses[t]]

Apply(held, record) ==
  CASE record.type = "Started" -> [held EXCEPT !.epoch = record.epoch]
    [] record.type = "Commit" ->
         [held EXCEPT !.committed = @ \union {record.transaction}]
    [] record.type = "End" ->
         [held EXCEPT !.committed = @ \ {record.transaction}]
    [] record.type = "Prepared" ->
         [held EXCEPT !.status[record.transaction] = "prepared"]
    [] record.type = "Committed" ->
         [held EXCEPT !.status[record.transaction] = "committed"]
    [] record.type = "Aborted" ->
         [held EXCEPT !.status[record.transaction] = "aborted"]
    [] record.type = "Retired" ->
         [status |-> ForgetFinished(held.status, record.below),
          watermark |-> record.below]

RECURSIVE ApplyAll(_, _)
ApplyAll(held, queue) ==
  IF queue = <<>> THEN held
                  ELSE ApplyAll(Apply(held, Head(queue).record), Tail(queue))

-----------------------------------------------------------------------------
(***************************************************************************)
(* A step of a process writes records and then says things: it sends       *)
(* messages and tells the application.                                     *)
(***************************************************************************)
Forced(record) == [record |-> record, forced |-> TRUE, waiting |-> <<>>]
Lazy(record) == [record |-> record, forced |-> FALSE, waiting |-> <<>>]
About(type, t) == [type |-> type, transaction |-> t]

Tell(p, t, fact) ==
  [type |-> "Output", from |-> p, transaction |-> t, fact |-> fact]
Decision(p, q, t, decision) ==
  [type |-> "Decision", from |-> p, to |-> q, transaction |-> t,
   decision |-> decision]
DecisionToAll(S, t, decision) ==
  Map(LAMBDA q : Decision(Coordinator, q, t, decision), ParticipantsInOrder(S))
Vote(p, t, vote) ==
  [type |-> "Vote", from |-> p, to |-> Coordinator, transaction |-> t,
   vote |-> vote]
Acknowledge(p, t) ==
  [type |-> "Acknowledge", from |-> p, to |-> Coordinator, transaction |-> t]
Inquire(p, q, t) ==
  [type |-> "Inquire", from |-> p, to |-> q, transaction |-> t]

(***************************************************************************)
(* What is said is heard: sent, or told.                                   *)
(***************************************************************************)
Hear(said) ==
  LET outputs == {s \in Range(said) : s.type = "Output"}
  IN  /\ messages' = messages \union (Range(said) \ outputs)
      /\ told' = [t \in Transactions |-> [fact \in Facts |->
           told[t][fact] \union {s.from : s \in
             {o \in outputs : o.transaction = t /\ o.fact = fact}}]]

(***************************************************************************)
(* Durable before told: while a forced record is pending, whatever its     *)
(* process says waits for the last one, behind what waits there already;   *)
(* what waits already need not wait twice.  A disk that does not buffer    *)
(* has every record durable at the end of the step that wrote it.          *)
(***************************************************************************)
WriteAndSay(p, written, said) ==
  LET queue == pending[p] \o written
      forced == {i \in DOMAIN queue : queue[i].forced}
      waiting == UNION {Range(queue[i].waiting) : i \in DOMAIN queue}
      new == SelectSeq(said, LAMBDA s : s \notin waiting)
  IN  CASE ~Buffered ->
             /\ disk' = [disk EXCEPT ![p] = ApplyAll(@, written)]
             /\ Hear(said)
             /\ UNCHANGED pending
        [] Buffered /\ forced = {} ->
             /\ pending' = [pending EXCEPT ![p] = queue]
             /\ Hear(said)
             /\ UNCHANGED disk
        [] Buffered /\ forced # {} ->
             /\ pending' = [pending EXCEPT ![p] =
                  [queue EXCEPT ![Last(forced)].waiting = @ \o new]]
             /\ UNCHANGED <<disk, messages, told>>

Say(p, said) == WriteAndSay(p, <<>>, said)

TakesInput(p) == p \in up /\ Len(pending[p]) < PendingMax

Receives(m, type) == m.type = type /\ TakesInput(m.to)

CoordinatorStep == UNCHANGED <<up, participantVariables, faults>>
ParticipantStep == UNCHANGED <<up, coordinatorVariables, begins, faults>>

-----------------------------------------------------------------------------
(***************************************************************************)
(*                           The coordinator                               *)
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
      /\ phase' = [phase EXCEPT ![t] = "working"]
      /\ Say(Coordinator, <<Tell(Coordinator, t, "begun")>>)
      /\ UNCHANGED <<epoch, yes, unacknowledged>>
      /\ CoordinatorStep

HasBegun(t) == told[t]["begun"] # {}
HasWorked(t) == told[t]["working"] = Participants

(***************************************************************************)
(* The first phase.  The application asks to commit what all participants  *)
(* have worked on.  Nothing before the oldest transaction that is known    *)
(* here will ever be asked about again, since names only grow; so          *)
(* participants may forget their outcomes.                                 *)
(***************************************************************************)
Prepare(t) ==
  LET known == {u \in Transactions : phase[u] # "unknown"}
      oldest == Head(TransactionsInOrder(known))
      Ask(p) == [type |-> "Prepare", from |-> Coordinator, to |-> p,
                 transaction |-> t, retiredBelow |-> oldest]
  IN  /\ HasBegun(t) /\ HasWorked(t)
      /\ TakesInput(Coordinator)
      /\ phase[t] = "working"
      /\ phase' = [phase EXCEPT ![t] = "voting"]
      /\ Say(Coordinator, Map(Ask, ParticipantsInOrder(Participants)))
      /\ UNCHANGED <<epoch, begun, yes, unacknowledged, begins>>
      /\ CoordinatorStep

(***************************************************************************)
(* A Yes, and others are missing.                                          *)
(***************************************************************************)
CountYes(m) ==
  LET t == m.transaction
  IN  /\ Receives(m, "Vote") /\ m.vote = "Yes"
      /\ phase[t] = "voting"
      /\ yes[t] \union {m.from} # Participants
      /\ yes' = [yes EXCEPT ![t] = @ \union {m.from}]
      /\ UNCHANGED <<epoch, begun, phase, unacknowledged, begins>>
      /\ UNCHANGED <<diskVariables, messages, told>>
      /\ CoordinatorStep

(***************************************************************************)
(* The last Yes is the commit point.  All have promised, so none can abort *)
(* any more; the decision is forced, so a crash cannot turn it into the    *)
(* abort that is presumed of what the coordinator does not know.           *)
(***************************************************************************)
Commit(m) ==
  LET t == m.transaction
  IN  /\ Receives(m, "Vote") /\ m.vote = "Yes"
      /\ phase[t] = "voting"
      /\ yes[t] \union {m.from} = Participants
      /\ phase' = [phase EXCEPT ![t] = "committed"]
      /\ yes' = [yes EXCEPT ![t] = {}]
      /\ unacknowledged' = [unacknowledged EXCEPT ![t] = Participants]
      /\ WriteAndSay(Coordinator, <<Forced(About("Commit", t))>>,
           Append(DecisionToAll(Participants, t, "Commit"),
                  Tell(Coordinator, t, "committed")))
      /\ UNCHANGED <<epoch, begun, begins>>
      /\ CoordinatorStep

(***************************************************************************)
(* To abort, the coordinator forgets.  Nothing is written: what it does    *)
(* not know, it answers with Abort, now and after every crash.  Those who  *)
(* may have promised are told, to spare them the asking.                   *)
(***************************************************************************)
Forget(t, receivers) ==
  /\ phase' = [phase EXCEPT ![t] = "unknown"]
  /\ yes' = [yes EXCEPT ![t] = {}]
  /\ Say(Coordinator, Append(DecisionToAll(receivers, t, "Abort"),
                             Tell(Coordinator, t, "aborted")))
  /\ UNCHANGED <<epoch, begun, unacknowledged, begins>>
  /\ CoordinatorStep

InFirstPhase(t) == IF phase[t] = "voting" THEN Participants ELSE {}

(***************************************************************************)
(* A participant votes No: it has aborted, and knows.                      *)
(***************************************************************************)
CountNo(m) ==
  LET t == m.transaction
  IN  /\ Receives(m, "Vote") /\ m.vote = "No"
      /\ phase[t] = "voting"
      /\ Forget(t, Participants \ {m.from})

(***************************************************************************)
(* The application gives up.  Without a decision, the coordinator may.     *)
(***************************************************************************)
Abort(t) ==
  /\ Aborts /\ HasBegun(t)
  /\ TakesInput(Coordinator)
  /\ phase[t] \in {"working", "voting"}
  /\ Forget(t, InFirstPhase(t))

(***************************************************************************)
(* A transaction is undecided for too long.  Without a decision, the       *)
(* coordinator may abort: that it has some Yes votes binds only the voters.*)
(***************************************************************************)
Deadline(t) ==
  /\ Timeouts
  /\ TakesInput(Coordinator)
  /\ phase[t] \in {"working", "voting"}
  /\ Forget(t, InFirstPhase(t))

(***************************************************************************)
(* A participant's commit is durable; it will never ask again.  When this  *)
(* holds of all, the transaction may be forgotten, and with it that it was *)
(* not aborted.  If a crash loses End, they are asked to acknowledge again.*)
(***************************************************************************)
CountAcknowledge(m) ==
  LET t == m.transaction
      left == unacknowledged[t] \ {m.from}
  IN  /\ Receives(m, "Acknowledge")
      /\ phase[t] = "committed"
      /\ unacknowledged' = [unacknowledged EXCEPT ![t] = left]
      /\ phase' = [phase EXCEPT ![t] = IF left = {} THEN "unknown" ELSE @]
      /\ WriteAndSay(Coordinator,
           IF left = {} THEN <<Lazy(About("End", t))>> ELSE <<>>, <<>>)
      /\ UNCHANGED <<epoch, begun, yes, begins>>
      /\ CoordinatorStep

(***************************************************************************)
(* Somebody has not acknowledged a commit for too long.                    *)
(***************************************************************************)
Resend(t) ==
  /\ Timeouts
  /\ TakesInput(Coordinator)
  /\ phase[t] = "committed"
  /\ Say(Coordinator, DecisionToAll(unacknowledged[t], t, "Commit"))
  /\ UNCHANGED <<coordinatorVariables, begins>>
  /\ CoordinatorStep

(***************************************************************************)
(* A participant in doubt asks.  What is not known here has aborted, or    *)
(* will: a commit is known from before anyone hears of it until nobody     *)
(* will ask.  What is undecided has no answer yet.                         *)
(***************************************************************************)
Answer(m) ==
  LET t == m.transaction
      decision == IF phase[t] = "committed" THEN "Commit" ELSE "Abort"
  IN  /\ Receives(m, "Inquire") /\ m.to = Coordinator
      /\ phase[t] \in {"unknown", "committed"}
      /\ Say(Coordinator, <<Decision(Coordinator, m.from, t, decision)>>)
      /\ UNCHANGED <<coordinatorVariables, begins>>
      /\ CoordinatorStep

(***************************************************************************)
(* The application asks again for a commit that is decided, and is told    *)
(* again.                                                                  *)
(***************************************************************************)
TellAgain(t) ==
  /\ HasBegun(t) /\ HasWorked(t)
  /\ TakesInput(Coordinator)
  /\ phase[t] = "committed"
  /\ Say(Coordinator, <<Tell(Coordinator, t, "committed")>>)
  /\ UNCHANGED <<coordinatorVariables, begins>>
  /\ CoordinatorStep

(***************************************************************************)
(* The application asks to commit or to abort what is not known here, or   *)
(* to abort what is committed.                                             *)
(***************************************************************************)
Refuse(t) ==
  /\ HasBegun(t)
  /\ TakesInput(Coordinator)
  /\ \/ /\ Aborts \/ HasWorked(t)
        /\ phase[t] = "unknown"
        /\ Say(Coordinator, <<Tell(Coordinator, t, "refused as unknown")>>)
     \/ /\ Aborts
        /\ phase[t] = "committed"
        /\ Say(Coordinator, <<Tell(Coordinator, t, "refused as finished")>>)
  /\ UNCHANGED <<coordinatorVariables, begins>>
  /\ CoordinatorStep

(***************************************************************************)
(* The coordinator comes up again, in a new epoch.  What its disk has as   *)
(* committed it sees through; the rest it does not know, which aborts it.  *)
(***************************************************************************)
RecoverCoordinator ==
  LET held == disk[Coordinator]
      next == held.epoch + 1
  IN  /\ Recovery /\ Coordinator \notin up
      /\ up' = up \union {Coordinator}
      /\ epoch' = next
      /\ phase' = [t \in Transactions |->
           IF t \in held.committed THEN "committed" ELSE "unknown"]
      /\ unacknowledged' = [t \in Transactions |->
           IF t \in held.committed THEN Participants ELSE {}]
      /\ WriteAndSay(Coordinator,
           <<Forced([type |-> "Started", epoch |-> next])>>,
           Map(LAMBDA t : Tell(Coordinator, t, "committed"),
               TransactionsInOrder(held.committed)))
      /\ UNCHANGED <<begun, yes, participantVariables, begins, faults>>

-----------------------------------------------------------------------------
(***************************************************************************)
(*                          The participants                               *)
(***************************************************************************)

(***************************************************************************)
(* A transaction before the watermark of which there is no trace may have  *)
(* been one whose outcome is forgotten.                                    *)
(***************************************************************************)
Standing(statuses, below, t) ==
  IF statuses[t] = "unknown" /\ Before(t, below) THEN "retired"
                                                 ELSE statuses[t]

StandingAt(p, t) == Standing(status[p], watermark[p], t)

(***************************************************************************)
(* The application works here for a transaction, for the first time or     *)
(* again.  Work is volatile: a crash loses it.                             *)
(***************************************************************************)
Work(p, t) ==
  /\ HasBegun(t)
  /\ TakesInput(p)
  /\ StandingAt(p, t) \in {"unknown", "working"}
  /\ status' = [status EXCEPT ![p][t] = "working"]
  /\ Say(p, <<Tell(p, t, "working")>>)
  /\ UNCHANGED watermark
  /\ ParticipantStep

(***************************************************************************)
(* A Prepare comes with leave to forget outcomes before some name.  If     *)
(* there are any, the participant forgets them all, and refuses whatever   *)
(* it does not know before that name from then on: so a late Prepare       *)
(* cannot revive what it has forgotten.  An old Prepare does not lower the *)
(* watermark.                                                              *)
(***************************************************************************)
Retire(p, m) ==
  LET below == IF Before(watermark[p], m.retiredBelow)
                 THEN m.retiredBelow ELSE watermark[p]
      any == \E t \in Transactions :
               Before(t, below) /\ status[p][t] \in Finished
  IN  IF any
        THEN [status |-> ForgetFinished(status[p], below), watermark |-> below,
              written |-> <<Lazy([type |-> "Retired", below |-> below])>>]
        ELSE [status |-> status[p], watermark |-> watermark[p],
              written |-> <<>>]

(***************************************************************************)
(* It still has the work, and promises to do as it is told: from now on it *)
(* is in doubt.  The promise is durable before it is given.  A promise     *)
(* that was given is given again.                                          *)
(***************************************************************************)
VoteYes(m) ==
  LET p == m.to
      t == m.transaction
      kept == Retire(p, m)
      standing == Standing(kept.status, kept.watermark, t)
      isNew == standing = "working"
      written == IF isNew THEN <<Forced(About("Prepared", t))>> ELSE <<>>
      said == IF isNew THEN <<Tell(p, t, "prepared")>> ELSE <<>>
  IN  /\ Receives(m, "Prepare")
      /\ standing \in {"working", "prepared"}
      /\ status' = [status EXCEPT ![p] =
           [kept.status EXCEPT ![t] = "prepared"]]
      /\ watermark' = [watermark EXCEPT ![p] = kept.watermark]
      /\ WriteAndSay(p, kept.written \o written,
                     Append(said, Vote(p, t, "Yes")))
      /\ ParticipantStep

(***************************************************************************)
(* It has aborted; or it does not know the transaction, since it never     *)
(* worked for it or a crash has lost the work, and aborts now.  That is    *)
(* durable before it is said: work that is done again must not turn the No *)
(* into a Yes.                                                             *)
(***************************************************************************)
VoteNo(m) ==
  LET p == m.to
      t == m.transaction
      kept == Retire(p, m)
      standing == Standing(kept.status, kept.watermark, t)
      isNew == standing = "unknown"
      written == IF isNew THEN <<Forced(About("Aborted", t))>> ELSE <<>>
      said == IF isNew THEN <<Tell(p, t, "aborted")>> ELSE <<>>
  IN  /\ Receives(m, "Prepare")
      /\ standing \in {"unknown", "aborted"}
      /\ status' = [status EXCEPT ![p] =
           [kept.status EXCEPT ![t] = "aborted"]]
      /\ watermark' = [watermark EXCEPT ![p] = kept.watermark]
      /\ WriteAndSay(p, kept.written \o written,
                     Append(said, Vote(p, t, "No")))
      /\ ParticipantStep

(***************************************************************************)
(* A Prepare that comes after the commit needs no vote: the coordinator    *)
(* has decided.                                                            *)
(***************************************************************************)
IgnorePrepare(m) ==
  LET p == m.to
      kept == Retire(p, m)
  IN  /\ Receives(m, "Prepare")
      /\ Standing(kept.status, kept.watermark, m.transaction)
           \in {"committed", "retired"}
      /\ status' = [status EXCEPT ![p] = kept.status]
      /\ watermark' = [watermark EXCEPT ![p] = kept.watermark]
      /\ WriteAndSay(p, kept.written, <<>>)
      /\ ParticipantStep

(***************************************************************************)
(* In doubt no more.  The commit is durable before it is acknowledged,     *)
(* since the coordinator may then forget it and presume an abort.  If the  *)
(* acknowledgement was lost, it is repeated.                               *)
(***************************************************************************)
ReceiveCommit(m) ==
  LET p == m.to
      t == m.transaction
      standing == StandingAt(p, t)
  IN  /\ Receives(m, "Decision") /\ m.decision = "Commit"
      /\ \/ /\ standing = "prepared"
            /\ status' = [status EXCEPT ![p][t] = "committed"]
            /\ WriteAndSay(p, <<Forced(About("Committed", t))>>,
                           <<Acknowledge(p, t), Tell(p, t, "committed")>>)
         \/ /\ standing \in {"committed", "retired"}
            /\ Say(p, <<Acknowledge(p, t)>>)
            /\ UNCHANGED status
      /\ UNCHANGED watermark
      /\ ParticipantStep

(***************************************************************************)
(* In doubt, or at work, no more.  This need not be forced: if a crash     *)
(* loses it, the transaction is in doubt again, and told the same; or      *)
(* unknown, and never promised.                                            *)
(***************************************************************************)
ReceiveAbort(m) ==
  LET p == m.to
      t == m.transaction
  IN  /\ Receives(m, "Decision") /\ m.decision = "Abort"
      /\ status[p][t] \in {"working", "prepared"}
      /\ status' = [status EXCEPT ![p][t] = "aborted"]
      /\ WriteAndSay(p, <<Lazy(About("Aborted", t))>>,
                     <<Tell(p, t, "aborted")>>)
      /\ UNCHANGED watermark
      /\ ParticipantStep

(***************************************************************************)
(* The participant's own abort: it has not promised anything.  It is       *)
(* durable before it is said, as in VoteNo.                                *)
(***************************************************************************)
AbortAlone(p, t, answer) ==
  /\ status' = [status EXCEPT ![p][t] = "aborted"]
  /\ WriteAndSay(p, <<Forced(About("Aborted", t))>>,
                 <<Tell(p, t, "aborted")>> \o answer)
  /\ UNCHANGED watermark
  /\ ParticipantStep

(***************************************************************************)
(* The application gives up at a participant that still works.             *)
(***************************************************************************)
AbortWork(p, t) ==
  /\ Aborts /\ HasBegun(t)
  /\ TakesInput(p)
  /\ status[p][t] = "working"
  /\ AbortAlone(p, t, <<>>)

(***************************************************************************)
(* In doubt, and nothing heard: all that a participant can do is ask, the  *)
(* coordinator and under cooperative termination its peers.                *)
(***************************************************************************)
AskAround(p, t) ==
  LET peers == IF Cooperative THEN Participants \ {p} ELSE {}
      asked == <<Coordinator>> \o ParticipantsInOrder(peers)
  IN  /\ Timeouts
      /\ TakesInput(p)
      /\ status[p][t] = "prepared"
      /\ Say(p, Map(LAMBDA q : Inquire(p, q, t), asked))
      /\ UNCHANGED participantVariables
      /\ ParticipantStep

(***************************************************************************)
(* Cooperative termination.  Whoever knows the outcome says it.  Whoever   *)
(* has not promised can still abort, and then nobody can commit.  Whoever  *)
(* has forgotten the outcome says abort: had it been commit, all would     *)
(* have acknowledged it, and nobody would be in doubt.  Whoever is in      *)
(* doubt too cannot help.                                                  *)
(***************************************************************************)
AnswerPeer(m) ==
  LET p == m.to
      t == m.transaction
      standing == StandingAt(p, t)
      Reply(decision) == <<Decision(p, m.from, t, decision)>>
  IN  /\ Receives(m, "Inquire") /\ p # Coordinator
      /\ \/ /\ standing \in {"unknown", "working"}
            /\ AbortAlone(p, t, Reply("Abort"))
         \/ /\ standing \in Finished \cup {"retired"}
            /\ Say(p, Reply(IF standing = "committed" THEN "Commit"
                                                      ELSE "Abort"))
            /\ UNCHANGED participantVariables
            /\ ParticipantStep

(***************************************************************************)
(* The application asks for work, or to give up, where it is too late: the *)
(* participant is bound by its promise, or the outcome is known.  Or to    *)
(* give up what is not known here.                                         *)
(***************************************************************************)
RefuseWork(p, t) ==
  LET standing == StandingAt(p, t)
      why == CASE standing = "unknown" -> "refused as unknown"
               [] standing = "prepared" -> "refused as prepared"
               [] OTHER -> "refused as finished"
  IN  /\ HasBegun(t)
      /\ TakesInput(p)
      /\ standing # "working"
      /\ Aborts \/ standing # "unknown"
      /\ Say(p, <<Tell(p, t, why)>>)
      /\ UNCHANGED participantVariables
      /\ ParticipantStep

(***************************************************************************)
(* A participant comes up again with its promises and its outcomes, and    *)
(* tells them again.                                                       *)
(***************************************************************************)
RecoverParticipant(p) ==
  LET held == disk[p]
      known == {t \in Transactions : held.status[t] # "unknown"}
  IN  /\ Recovery /\ p \notin up
      /\ up' = up \union {p}
      /\ status' = [status EXCEPT ![p] = held.status]
      /\ watermark' = [watermark EXCEPT ![p] = held.watermark]
      /\ Say(p, Map(LAMBDA t : Tell(p, t, held.status[t]),
                    TransactionsInOrder(known)))
      /\ UNCHANGED <<coordinatorVariables, begins, faults>>

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
  /\ Hear(Head(pending[p]).waiting)
  /\ UNCHANGED <<up, coordinatorVariables, participantVariables, begins,
                 faults>>

MayCrash(p) ==
  /\ p \in up
  /\ crashes < CrashesMax
  /\ Cardinality(Processes \ up) < DownMax

(***************************************************************************)
(* A crash leaves the disk, and what others have heard.                    *)
(***************************************************************************)
CrashCoordinator ==
  /\ MayCrash(Coordinator)
  /\ up' = up \ {Coordinator}
  /\ crashes' = crashes + 1
  /\ pending' = [pending EXCEPT ![Coordinator] = <<>>]
  /\ epoch' = 0 /\ begun' = 0
  /\ phase' = AllUnknown /\ yes' = Nobody /\ unacknowledged' = Nobody
  /\ UNCHANGED <<participantVariables, disk, messages, begins, told, drops>>

CrashParticipant(p) ==
  /\ MayCrash(p)
  /\ up' = up \ {p}
  /\ crashes' = crashes + 1
  /\ pending' = [pending EXCEPT ![p] = <<>>]
  /\ status' = [status EXCEPT ![p] = AllUnknown]
  /\ watermark' = [watermark EXCEPT ![p] = Nothing]
  /\ UNCHANGED <<coordinatorVariables, disk, messages, begins, told, drops>>

(***************************************************************************)
(* A message is lost for ever, unless it is sent again.  Without this, a   *)
(* message could always still come, and under fair delivery it would.      *)
(***************************************************************************)
Drop(m) ==
  /\ drops < DropsMax
  /\ messages' = messages \ {m}
  /\ drops' = drops + 1
  /\ UNCHANGED <<up, coordinatorVariables, participantVariables,
                 diskVariables, begins, told, crashes>>

-----------------------------------------------------------------------------
(***************************************************************************)
(* At the beginning all are up, disks are empty, and the coordinator       *)
(* writes its first epoch.                                                 *)
(***************************************************************************)
Init ==
  LET started == [type |-> "Started", epoch |-> 1]
  IN  /\ up = Processes
      /\ epoch = 1 /\ begun = 0
      /\ phase = AllUnknown /\ yes = Nobody /\ unacknowledged = Nobody
      /\ status = [p \in Participants |-> AllUnknown]
      /\ watermark = [p \in Participants |-> Nothing]
      /\ disk = [p \in Processes |->
           IF p = Coordinator
             THEN [epoch |-> IF Buffered THEN 0 ELSE 1, committed |-> {}]
             ELSE [status |-> AllUnknown, watermark |-> Nothing]]
      /\ pending = [p \in Processes |->
           IF p = Coordinator /\ Buffered THEN <<Forced(started)>> ELSE <<>>]
      /\ messages = {}
      /\ begins = 0
      /\ told = [t \in Transactions |-> [fact \in Facts |-> {}]]
      /\ crashes = 0
      /\ drops = 0

Next ==
  \/ Begin
  \/ \E t \in Transactions : Prepare(t)
  \/ \E m \in messages : CountYes(m)
  \/ \E m \in messages : Commit(m)
  \/ \E m \in messages : CountNo(m)
  \/ \E t \in Transactions : Abort(t)
  \/ \E t \in Transactions : Deadline(t)
  \/ \E m \in messages : CountAcknowledge(m)
  \/ \E t \in Transactions : Resend(t)
  \/ \E m \in messages : Answer(m)
  \/ \E t \in Transactions : TellAgain(t)
  \/ \E t \in Transactions : Refuse(t)
  \/ RecoverCoordinator
  \/ \E p \in Participants, t \in Transactions : Work(p, t)
  \/ \E m \in messages : VoteYes(m)
  \/ \E m \in messages : VoteNo(m)
  \/ \E m \in messages : IgnorePrepare(m)
  \/ \E m \in messages : ReceiveCommit(m)
  \/ \E m \in messages : ReceiveAbort(m)
  \/ \E p \in Participants, t \in Transactions : AbortWork(p, t)
  \/ \E p \in Participants, t \in Transactions : AskAround(p, t)
  \/ \E m \in messages : AnswerPeer(m)
  \/ \E p \in Participants, t \in Transactions : RefuseWork(p, t)
  \/ \E p \in Participants : RecoverParticipant(p)
  \/ \E p \in Processes : Flush(p)
  \/ CrashCoordinator
  \/ \E p \in Participants : CrashParticipant(p)
  \/ \E m \in messages : Drop(m)

Spec == Init /\ [][Next]_vars

-----------------------------------------------------------------------------
(***************************************************************************)
(*                               Fairness                                  *)
(*                                                                         *)
(* Spec lets everything stop at any moment.  To show that something will   *)
(* happen, one has to assume of some actions that they do not stay enabled *)
(* for ever without being taken: weak fairness.  Nothing is assumed of     *)
(* crashes, of drops and of the application: they need not happen.         *)
(*                                                                         *)
(* Strong fairness would assume no more.  What is sent and told stays, but *)
(* for drops, which are counted; transactions and records go one way, but  *)
(* for crashes, which are counted too.  So no state comes again, and what  *)
(* is enabled again and again is enabled from some moment on.              *)
(***************************************************************************)

(***************************************************************************)
(* A process receives a message: all that may come of it.                  *)
(***************************************************************************)
Receive(m) ==
  /\ m \in messages
  /\ CASE m.type = "Prepare" -> VoteYes(m) \/ VoteNo(m) \/ IgnorePrepare(m)
       [] m.type = "Vote" -> CountYes(m) \/ Commit(m) \/ CountNo(m)
       [] m.type = "Decision" -> ReceiveCommit(m) \/ ReceiveAbort(m)
       [] m.type = "Acknowledge" -> CountAcknowledge(m)
       [] m.type = "Inquire" -> Answer(m) \/ AnswerPeer(m)

(***************************************************************************)
(* A message that is not lost arrives at last, if its receiver stays up.   *)
(* Each message by itself: a network that delivers the one again and again *)
(* and another never is as good as cut.                                    *)
(***************************************************************************)
FairDelivery == \A m \in Message : WF_vars(Receive(m))

(***************************************************************************)
(* A timer that stays set fires at last: clocks run.  How soon is left     *)
(* open, and whether too soon.                                             *)
(***************************************************************************)
FairTimers ==
  /\ \A t \in Transactions : WF_vars(Deadline(t))
  /\ \A t \in Transactions : WF_vars(Resend(t))
  /\ \A p \in Participants, t \in Transactions : WF_vars(AskAround(p, t))

(***************************************************************************)
(* A disk gets its work done, if its process stays up.                     *)
(***************************************************************************)
FairFlushes == \A p \in Processes : WF_vars(Flush(p))

(***************************************************************************)
(* A process that has crashed is restarted at last: somebody sees to it.   *)
(***************************************************************************)
FairRecovery ==
  /\ WF_vars(RecoverCoordinator)
  /\ \A p \in Participants : WF_vars(RecoverParticipant(p))

Fairness ==
  /\ FairDelivery
  /\ FairTimers
  /\ FairFlushes
  /\ FairRecovery

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
(* What a disk will hold is what its process believes that it does.        *)
(***************************************************************************)
Believed(p) ==
  IF p = Coordinator
    THEN [epoch |-> epoch,
          committed |-> {t \in Transactions : phase[t] = "committed"}]
    ELSE [status |-> [t \in Transactions |->
            IF status[p][t] = "working" THEN "unknown" ELSE status[p][t]],
          watermark |-> watermark[p]]

RecoveryReadsBack == \A p \in up : ApplyAll(disk[p], pending[p]) = Believed(p)

TypeOK ==
  /\ up \subseteq Processes
  /\ epoch \in {0} \union Epochs
  /\ begun \in 0..TransactionsMax
  /\ phase \in [Transactions -> Phase]
  /\ yes \in [Transactions -> SUBSET Participants]
  /\ unacknowledged \in [Transactions -> SUBSET Participants]
  /\ status \in [Participants -> [Transactions -> Status]]
  /\ watermark \in [Participants -> {Nothing} \union Transactions]
  /\ disk[Coordinator] \in
       [epoch : {0} \union Epochs, committed : SUBSET Transactions]
  /\ \A p \in Participants : disk[p] \in
       [status : [Transactions -> Status \ {"working"}],
        watermark : {Nothing} \union Transactions]
  /\ \A p \in Processes : \A i \in DOMAIN pending[p] :
       /\ pending[p][i].record \in Record
       /\ pending[p][i].forced \in BOOLEAN
       /\ Range(pending[p][i].waiting) \subseteq Message \union Output
       /\ pending[p][i].forced \/ pending[p][i].waiting = <<>>
  /\ messages \subseteq Message
  /\ begins \in 0..TransactionsMax
  /\ told \in [Transactions -> [Facts -> SUBSET Processes]]
  /\ crashes \in 0..CrashesMax
  /\ drops \in 0..DropsMax

-----------------------------------------------------------------------------
(***************************************************************************)
(*                               Liveness                                  *)
(***************************************************************************)
InDoubt(p, t) == disk[p].status[t] = "prepared"
Decided(p, t) == p \in told[t]["committed"] \union told[t]["aborted"]

(***************************************************************************)
(* AC5: if failures are repaired, all decide.  Of a participant that has   *)
(* promised: it tells an outcome, and has it on disk.                      *)
(***************************************************************************)
InDoubtDecides ==
  \A p \in Participants, t \in Transactions :
    InDoubt(p, t) ~> Decided(p, t) /\ ~InDoubt(p, t)

(***************************************************************************)
(* A commit need not be remembered for ever.                               *)
(***************************************************************************)
CommitForgotten ==
  \A t \in Transactions :
    t \in disk[Coordinator].committed ~> t \notin disk[Coordinator].committed

(***************************************************************************)
(* Nobody who has promised waits for ever for a process that is down: it   *)
(* decides, or goes down itself.  InDoubtDecides implies it, and without   *)
(* recovery two-phase commit has neither: it blocks.                       *)
(***************************************************************************)
NonBlocking ==
  \A p \in Participants, t \in Transactions :
    InDoubt(p, t) ~> Decided(p, t) \/ p \notin up

(***************************************************************************)
(* If one participant knows, and stays up, all that stay up will know.     *)
(* Under cooperative termination they do, also without the coordinator.    *)
(***************************************************************************)
OneKnowsAllLearn ==
  \A t \in Transactions, p \in Participants : \A q \in Participants \ {p} :
    InDoubt(p, t) /\ Decided(q, t) ~> Decided(p, t) \/ ~({p, q} \subseteq up)

(***************************************************************************)
(* Where somebody has promised, everybody who took part tells an outcome,  *)
(* the coordinator too.  This fails by design: an abort is presumed, and a *)
(* coordinator that crashed before it logged has nothing left to decide.   *)
(***************************************************************************)
EverybodyDecides ==
  \A p \in Processes, t \in Transactions :
    /\ told[t]["prepared"] # {}
    /\ p \in told[t]["prepared"] \union {Coordinator}
    ~> Decided(p, t)

(***************************************************************************)
(* AC4: if nothing fails and all vote Yes, all commit.  That a timer fires *)
(* too soon counts as a failure.                                           *)
(***************************************************************************)
AllCommit ==
  \A t \in Transactions :
    phase[t] = "voting" ~> told[t]["committed"] = Processes
=============================================================================
