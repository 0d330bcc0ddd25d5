-------------------------------- MODULE Raft --------------------------------
(***************************************************************************)
(* Raft: elections and a replicated log, and the networks and disks that   *)
(* they stand on.                                                          *)
(*                                                                         *)
(* Ongaro, Ousterhout: In Search of an Understandable Consensus Algorithm  *)
(* (Extended Version), 2014, is the protocol, with its names of variables  *)
(* (Figure 2); sections without more are of it.  Ongaro: Consensus:        *)
(* Bridging Theory and Practice, 2014, "the thesis", has the leader that   *)
(* writes to its disk while it sends (10.2.1), and that sends ahead of     *)
(* answers (10.2.2).  A record is *forced* if nothing that its writer says *)
(* after it may be heard before it is durable; else it is *lazy*.          *)
(*                                                                         *)
(* The system may stabilise: from some moment on nothing fails, and timers *)
(* are accurate.  What is claimed of progress begins there.                *)
(*                                                                         *)
(* Snapshots, reads, sessions and changes of who takes part are left out.  *)
(***************************************************************************)
EXTENDS Naturals, Sequences, FiniteSets

CONSTANTS
  Servers,          \* The servers: {1, ..., n}.
  TermsMax,         \* How many terms there are: nobody campaigns beyond.
  TermsLeft,        \* How many more when the system has stabilised.
  CommandsMax,      \* How many commands clients propose.
  AtomicCampaigns,  \* Whether campaigns are over at once, and won.
  Replicates,       \* Whether what leaders send arrives.  Otherwise it is
                    \* about elections alone.
  Heartbeats,       \* Whether leaders send heartbeats.
  Timers,           \* When timers fire: "asynchronous", any that is set, at any
                    \* moment; "campaigns", those alone that begin a campaign,
                    \* and others are accurate; "accurate", at rest.
  Stabilises,       \* Whether faults may come to an end, and timers become
                    \* accurate.
  EntriesMax,       \* How many entries fit in one message; 0 for any number.
  InFlightMax,      \* How many messages with entries a leader sends ahead of
                    \* answers.
  Network,          \* "set": receiving a message leaves it where it is, to be
                    \* received again; "bag": it is received once; "fifo":
                    \* once, in the order of sending on its link.
  LinkMax,          \* With so many messages on a "fifo" link, one more pushes
                    \* out the oldest, which is lost; 0 for any number.
  Buffered,         \* Whether records become durable in steps of their own.
  PendingMax,       \* With so many pending records, a server takes no input.
  CrashesMax,       \* How many crashes there may be.
  DownMax,          \* How many servers may be down at once.
  Recovery,         \* Whether a server that is down may come up again.
  DropsMax          \* How many messages may be lost for ever.

ASSUME
  /\ Servers = 1..Cardinality(Servers) /\ Servers # {}
  /\ {AtomicCampaigns, Replicates, Heartbeats, Stabilises, Buffered,
      Recovery} \subseteq BOOLEAN
  /\ Timers \in {"asynchronous", "campaigns", "accurate"}
  /\ Stabilises <=> TermsLeft > 0
  \* Where messages are received again and again there is no rest.
  /\ Timers # "asynchronous" \/ Stabilises => Network # "set"
  \* What was lost is said again by heartbeats; and there is an end to what is
  \* asynchronous.
  /\ Stabilises => Heartbeats /\ Timers # "accurate"
  /\ Network \in {"set", "bag", "fifo"}
  /\ LinkMax > 0 => Network = "fifo"
  \* A campaign that is over at once would have to wait for several disks.
  /\ AtomicCampaigns => ~Buffered
  /\ {TermsMax, InFlightMax, PendingMax} \subseteq Nat \ {0}
  /\ {TermsLeft, CommandsMax, EntriesMax, LinkMax, CrashesMax, DownMax,
      DropsMax} \subseteq Nat

Nobody == 0     \* It is no server.

(***************************************************************************)
(* A majority of the servers.  Any two of them have a server in common.    *)
(***************************************************************************)
IsQuorum(S) == 2 * Cardinality(S) > Cardinality(Servers)

Max(S) == CHOOSE n \in S : \A k \in S : n >= k
Min(S) == CHOOSE n \in S : \A k \in S : n <= k

(***************************************************************************)
(* Sequences, for what has an order: a server says something to others in  *)
(* their order.                                                            *)
(***************************************************************************)
Range(s) == {s[n] : n \in DOMAIN s}
Map(Function(_), s) == [n \in DOMAIN s |-> Function(s[n])]

RECURSIVE Concat(_)
Concat(s) == IF s = <<>> THEN <<>> ELSE Head(s) \o Concat(Tail(s))

InOrder(S) ==
  SelectSeq([n \in 1..Cardinality(Servers) |-> n], LAMBDA i : i \in S)

Others(i) == InOrder(Servers \ {i})

-----------------------------------------------------------------------------
(***************************************************************************)
(*                               The log                                   *)
(*                                                                         *)
(* An entry has the term in which a leader took it.  A leader begins its   *)
(* term with an entry that does nothing, so that it has one of its own to  *)
(* commit (8).  Indexes begin with 1; index 0 and term 0 come before all.  *)
(***************************************************************************)
TermsInAll == TermsMax + TermsLeft
Terms == 1..TermsInAll

NoOp == 0
Commands == 1..CommandsMax
Entry == [term : Terms, val : Commands \union {NoOp}]

IndexMax == TermsInAll + CommandsMax

TermAt(entries, n) == IF n = 0 THEN 0 ELSE entries[n].term
LastTerm(entries) == TermAt(entries, Len(entries))

(***************************************************************************)
(* Whether a log that ends so is at least as up to date as this one: the   *)
(* later term wins, then the longer log (5.4.1).                           *)
(***************************************************************************)
IsUpToDate(lastTerm, lastIndex, entries) ==
  \/ lastTerm > LastTerm(entries)
  \/ /\ lastTerm = LastTerm(entries)
     /\ lastIndex >= Len(entries)

(***************************************************************************)
(* The entries from index first on that are sent in one message, up to     *)
(* last: where they end.                                                   *)
(***************************************************************************)
EndOfMessage(first, last) ==
  IF EntriesMax = 0 THEN last ELSE Min({last, first + EntriesMax - 1})

(***************************************************************************)
(* The entries from index first up to last, in so many messages: each by   *)
(* the indexes of the first and the last of its entries.                   *)
(***************************************************************************)
RECURSIVE InMessages(_, _, _)
InMessages(first, last, messages) ==
  IF first > last \/ messages = 0
    THEN <<>>
    ELSE LET end == EndOfMessage(first, last)
         IN  <<[first |-> first, last |-> end]>>
               \o InMessages(end + 1, last, messages - 1)

-----------------------------------------------------------------------------
(***************************************************************************)
(* What servers send each other.                                           *)
(*                                                                         *)
(* RequestVote    A candidate asks for a vote, and says where its log      *)
(*                ends.                                                    *)
(* Vote           The answer.                                              *)
(* AppendEntries  A leader sends entries, and what comes before them;      *)
(*                without entries, it says that it leads.                  *)
(* Commit         A leader has committed, and the follower lacks no        *)
(*                entries.  Answered only if the logs do not agree.        *)
(* Appended       The answer, if the logs agree: as far as that is known.  *)
(* NotAppended    If they do not: at which index; the term of the          *)
(*                follower's entry there, or 0 if it has none; and the     *)
(*                first index of that term, or the end of its log.         *)
(***************************************************************************)
Message ==
       [type : {"RequestVote"}, from : Servers, to : Servers, term : Terms,
        lastLogTerm : Nat, lastLogIndex : Nat]
  \union
       [type : {"Vote"}, from : Servers, to : Servers, term : Terms,
        granted : BOOLEAN]
  \union
       [type : {"AppendEntries"}, from : Servers, to : Servers, term : Terms,
        prevLogIndex : Nat, prevLogTerm : Nat, entries : Seq(Entry),
        leaderCommit : Nat]
  \union
       [type : {"Commit"}, from : Servers, to : Servers, term : Terms,
        lastLogIndex : Nat, lastLogTerm : Nat, leaderCommit : Nat]
  \union
       [type : {"Appended"}, from : Servers, to : Servers, term : Terms,
        matched : Nat]
  \union
       [type : {"NotAppended"}, from : Servers, to : Servers, term : Terms,
        rejected : Nat, conflict : Nat, first : Nat]

(***************************************************************************)
(* What a server tells: that it leads; that an entry is committed, and the *)
(* term of the server that says so; that it has refused a command, and who *)
(* leads, as far as it knows.                                              *)
(***************************************************************************)
Output ==
       [type : {"Leads"}, term : Terms]
  \union
       [type : {"Committed"}, by : Terms, index : 1..IndexMax, term : Terms]
  \union
       [type : {"Refused"}, val : Commands, leader : Servers \union {Nobody}]

(***************************************************************************)
(* What a server writes: its term and whom it has voted for, together; and *)
(* that its log ends at an index, behind which come these entries.         *)
(***************************************************************************)
Record ==
       [type : {"Term"}, term : Terms, votedFor : Servers \union {Nobody}]
  \union
       [type : {"Append"}, after : Nat, entries : Seq(Entry)]

-----------------------------------------------------------------------------
VARIABLES
  up,           \* The servers that are up.  A crash resets what a server knows
                \* to its initial value.

  currentTerm,  \* currentTerm[i]: the latest term that server i has seen.
  votedFor,     \* votedFor[i]: whom it has voted for in that term.
  log,          \* log[i]: its log.
  commitIndex,  \* commitIndex[i]: up to where it knows its log to be committed.
  role,         \* role[i]: what it is in its term; see Follower, Candidate,
                \* Leader.

  disk,         \* disk[i] is the fold of i's durable records.
  pending,      \* pending[i] are the records that i has written and that are
                \* not durable, oldest first, each with what waits to be said
                \* until it is.

  links,        \* links[i][j] are the messages in flight from i to j, no two of
                \* them the same: a sequence if the network is "fifo", else a
                \* set.

  elected,      \* elected[t]: who has told that it leads term t.
  committed,    \* Which entries servers have told to be committed, and the
                \* lowest term of a server that has told so.
  proposed,     \* proposed[c]: how often command c was proposed, but for what
                \* was refused.  Crashes erase none of the three.

  stable,       \* Whether the system has stabilised.
  campaigned,   \* Who campaigned last, where timers are accurate.

  crashes,      \* How many crashes there were.
  drops         \* How many messages were lost for ever.

knowledge == <<currentTerm, votedFor, log, commitIndex, role>>
diskVariables == <<disk, pending>>
history == <<elected, committed, proposed>>
time == <<stable, campaigned>>
faults == <<crashes, drops>>
vars == <<up, knowledge, diskVariables, links, history, time, faults>>

(***************************************************************************)
(* What a server is in a term (5.1).                                       *)
(*                                                                         *)
(* A follower has heard somebody lead, or nobody yet.  A candidate knows   *)
(* who has voted for it.  A leader knows of each other server from where   *)
(* on to send it entries (nextIndex), and up to where its log agrees       *)
(* (matchIndex).  If it does not know where, it is probing: one message,   *)
(* and its answer, at a time.  Else it sends ahead, and knows what is in   *)
(* flight.  Of itself it knows up to where its log is durable (matchIndex, *)
(* thesis 10.2.1), and where its own entries begin (nextIndex).            *)
(***************************************************************************)
Follower(leader) == [state |-> "follower", leader |-> leader]

Candidate(votes) == [state |-> "candidate", votesGranted |-> votes]

Leader(next, durable, i) ==
  [state |-> "leader",
   nextIndex |-> [j \in Servers |-> next],
   matchIndex |-> [j \in Servers |-> IF j = i THEN durable ELSE 0],
   probing |-> Servers \ {i},
   inFlight |-> [j \in Servers |-> <<>>]]

Role ==
       [state : {"follower"}, leader : Servers \union {Nobody}]
  \union
       [state : {"candidate"}, votesGranted : SUBSET Servers]
  \union
       [state : {"leader"},
        nextIndex : [Servers -> 1..(IndexMax + 1)],
        matchIndex : [Servers -> 0..IndexMax],
        probing : SUBSET Servers,
        inFlight : [Servers -> Seq([first : 1..IndexMax, last : 1..IndexMax])]]

Leads(i) == role[i].state = "leader"

-----------------------------------------------------------------------------
(***************************************************************************)
(*                       Disks, and what is heard                          *)
(*                                                                         *)
(* What a disk holds after one more record, and after a queue of them.     *)
(***************************************************************************)
EmptyDisk == [currentTerm |-> 0, votedFor |-> Nobody, log |-> <<>>]

Apply(held, record) ==
  CASE record.type = "Term" ->
         [held EXCEPT !.currentTerm = record.term,
                      !.votedFor = record.votedFor]
    [] record.type = "Append" ->
         [held EXCEPT !.log = SubSeq(@, 1, record.after) \o record.entries]

RECURSIVE ApplyAll(_, _)
ApplyAll(held, queue) ==
  IF queue = <<>> THEN held
                  ELSE ApplyAll(Apply(held, Head(queue).record), Tail(queue))

Forced(record) == [record |-> record, forced |-> TRUE, waiting |-> <<>>]
Lazy(record) == [record |-> record, forced |-> FALSE, waiting |-> <<>>]

(***************************************************************************)
(* A link: what is on it, what may be received next, what is left when     *)
(* something has been received, and what a crash of its sender may leave.  *)
(***************************************************************************)
IsOrdered == Network = "fifo"

Nothing == IF IsOrdered THEN <<>> ELSE {}
OnLink(link) == IF IsOrdered THEN Range(link) ELSE link

Deliverable ==
  UNION {IF IsOrdered THEN {links[i][j][n] : n \in 1..Min({1, Len(links[i][j])})}
                      ELSE links[i][j] : i, j \in Servers}

Without(link, m) ==
  IF IsOrdered THEN SelectSeq(link, LAMBDA n : n # m) ELSE link \ {m}

MayBeLeft(link) ==
  CASE Network = "set" -> {link}
    [] Network = "bag" -> SUBSET link
    [] Network = "fifo" -> {SubSeq(link, 1, n) : n \in 0..Len(link)}

(***************************************************************************)
(* A link that takes so many messages and no more has room for another,    *)
(* because the oldest is lost.                                             *)
(***************************************************************************)
WithRoom(link) ==
  IF IsOrdered /\ LinkMax > 0 /\ Len(link) >= LinkMax THEN Tail(link) ELSE link

With(link, m) ==
  CASE m \in OnLink(link) -> link
    [] m \notin OnLink(link) /\ ~IsOrdered -> link \union {m}
    [] m \notin OnLink(link) /\ IsOrdered -> Append(WithRoom(link), m)

RECURSIVE WithAll(_, _)
WithAll(link, sent) ==
  IF sent = <<>> THEN link ELSE WithAll(With(link, Head(sent)), Tail(sent))

(***************************************************************************)
(* Some messages can change nothing any more, now or after a crash: they   *)
(* are forgotten.  Terms only grow, so that answers of an earlier term     *)
(* than that of their receiver's disk tell it nothing; nor does a vote     *)
(* that is not granted, but for its term.                                  *)
(***************************************************************************)
IsSpent(m, term) ==
  CASE m.type = "Vote" -> m.term < term \/ (m.term = term /\ ~m.granted)
    [] m.type \in {"Appended", "NotAppended"} -> m.term < term
    [] OTHER -> FALSE

IsLost(m) == m.type \in {"AppendEntries", "Commit"} /\ ~Replicates

Remembered(link) ==
  LET stays(m) == ~IsLost(m) /\ ~IsSpent(m, disk'[m.to].currentTerm)
  IN  IF IsOrdered THEN SelectSeq(link, stays) ELSE {m \in link : stays(m)}

(***************************************************************************)
(* Messages are sent on links of which something was received.             *)
(***************************************************************************)
Send(remaining, sent) ==
  links' = [i \in Servers |-> [j \in Servers |->
    LET isHere(m) == m.from = i /\ m.to = j
    IN  Remembered(WithAll(remaining[i][j], SelectSeq(sent, isHere)))]]

IsOutput(s) == s.type \in {"Leads", "Committed", "Refused"}

(***************************************************************************)
(* The entries that are told to be committed, each with the lowest term of *)
(* a server that has told so.                                              *)
(***************************************************************************)
Lowest(told) ==
  {o \in told : \A other \in told :
     other.index = o.index /\ other.term = o.term => o.by <= other.by}

(***************************************************************************)
(* What server i says is heard: sent, or told.                             *)
(***************************************************************************)
Hear(i, remaining, said, asked) ==
  LET outputs == {s \in Range(said) : IsOutput(s)}
      are(type) == {o \in outputs : o.type = type}
  IN  /\ Send(remaining, SelectSeq(said, LAMBDA s : ~IsOutput(s)))
      /\ elected' = [t \in Terms |->
           IF \E o \in are("Leads") : o.term = t
             THEN elected[t] \union {i} ELSE elected[t]]
      /\ committed' = Lowest(committed \union
           {[index |-> o.index, term |-> o.term, by |-> o.by] :
              o \in are("Committed")})
      /\ proposed' = [c \in Commands |->
           IF \E o \in are("Refused") : o.val = c
             THEN asked[c] - 1 ELSE asked[c]]

(***************************************************************************)
(* Durable before told: while a forced record is pending, whatever its     *)
(* server says waits for the last such record, behind what waits there     *)
(* already.  What waits already need not wait twice: an output for any     *)
(* record; a message, if messages are received again, for any, else for    *)
(* the last, for what is said before it may be received before it.         *)
(***************************************************************************)
SayBehind(i, queue, remaining, said, asked) ==
  LET forced == {n \in DOMAIN queue : queue[n].forced}
      last == Max(forced \union {0})
      waitingFor(records) == UNION {Range(queue[n].waiting) : n \in records}
      waits(s) ==
        s \in waitingFor(IF IsOutput(s) \/ Network = "set" THEN forced
                                                          ELSE {last})
      new == SelectSeq(said, LAMBDA s : ~waits(s))
  IN  IF last = 0
        THEN /\ pending' = [pending EXCEPT ![i] = queue]
             /\ Hear(i, remaining, said, asked)
        ELSE /\ pending' = [pending EXCEPT ![i] =
                  [queue EXCEPT ![last].waiting = @ \o new]]
             /\ Hear(i, remaining, <<>>, asked)

(***************************************************************************)
(* A step of a server receives at most one message, writes records and     *)
(* then says things: it sends messages, and tells.  A disk that does not   *)
(* buffer has every record durable at the end of the step that wrote it.   *)
(***************************************************************************)
WriteAndSay(i, remaining, written, said, asked) ==
  IF Buffered
    THEN /\ UNCHANGED disk
         /\ SayBehind(i, pending[i] \o written, remaining, said, asked)
    ELSE /\ disk' = [disk EXCEPT ![i] = ApplyAll(@, written)]
         /\ UNCHANGED pending
         /\ Hear(i, remaining, said, asked)

TakesInput(i) == i \in up /\ Len(pending[i]) < PendingMax

Receives(m, type) == m.type = type /\ TakesInput(m.to)

React(m, written, said) ==
  LET remaining ==
        IF Network = "set"
          THEN links
          ELSE [links EXCEPT ![m.from][m.to] = Without(@, m)]
  IN  /\ WriteAndSay(m.to, remaining, written, said, proposed)
      /\ UNCHANGED <<up, time, faults>>

Act(i, written, said) ==
  /\ WriteAndSay(i, links, written, said, proposed)
  /\ UNCHANGED <<up, stable, faults>>

-----------------------------------------------------------------------------
RequestVote(i, j) ==
  [type |-> "RequestVote", from |-> i, to |-> j, term |-> currentTerm'[i],
   lastLogTerm |-> LastTerm(log[i]), lastLogIndex |-> Len(log[i])]

Vote(i, j, granted) ==
  [type |-> "Vote", from |-> i, to |-> j, term |-> currentTerm'[i],
   granted |-> granted]

(***************************************************************************)
(* Leader i sends j its entries from index first up to last, and says how  *)
(* far it has committed.                                                   *)
(***************************************************************************)
AppendEntries(i, j, first, last) ==
  [type |-> "AppendEntries", from |-> i, to |-> j, term |-> currentTerm'[i],
   prevLogIndex |-> first - 1, prevLogTerm |-> TermAt(log'[i], first - 1),
   entries |-> SubSeq(log'[i], first, last), leaderCommit |-> commitIndex'[i]]

(***************************************************************************)
(* Leader i says how far it has committed to j, which lacks nothing.       *)
(***************************************************************************)
Commit(i, j) ==
  [type |-> "Commit", from |-> i, to |-> j, term |-> currentTerm'[i],
   lastLogIndex |-> Len(log'[i]), lastLogTerm |-> LastTerm(log'[i]),
   leaderCommit |-> commitIndex'[i]]

Probe(i, j, next) ==
  AppendEntries(i, j, next, EndOfMessage(next, Len(log'[i])))

Appended(i, j, matched) ==
  [type |-> "Appended", from |-> i, to |-> j, term |-> currentTerm'[i],
   matched |-> matched]

NotAppended(i, j, rejected, conflict, first) ==
  [type |-> "NotAppended", from |-> i, to |-> j, term |-> currentTerm'[i],
   rejected |-> rejected, conflict |-> conflict, first |-> first]

TellLeads(i) == [type |-> "Leads", term |-> currentTerm'[i]]

(***************************************************************************)
(* What a server tells that commits further than before.                   *)
(***************************************************************************)
TellCommitted(i) ==
  [n \in 1..(commitIndex'[i] - commitIndex[i]) |->
    LET index == commitIndex[i] + n
    IN  [type |-> "Committed", by |-> currentTerm'[i],
         index |-> index, term |-> log'[i][index].term]]

TermRecord(i) ==
  [type |-> "Term", term |-> currentTerm'[i], votedFor |-> votedFor'[i]]

AppendRecord(after, entries) ==
  [type |-> "Append", after |-> after, entries |-> entries]

-----------------------------------------------------------------------------
(***************************************************************************)
(*                                 Terms                                   *)
(*                                                                         *)
(* Whoever hears of a higher term comes to it, and has voted for nobody    *)
(* there (5.1).                                                            *)
(***************************************************************************)
IsNewTerm(m) == m.term > currentTerm[m.to]

HearOfTerm(m) ==
  /\ currentTerm' = [currentTerm EXCEPT ![m.to] = Max({@, m.term})]
  /\ votedFor' = [votedFor EXCEPT ![m.to] = IF IsNewTerm(m) THEN Nobody ELSE @]

NewTermRecord(m) == IF IsNewTerm(m) THEN <<Forced(TermRecord(m.to))>> ELSE <<>>

(***************************************************************************)
(* An answer of a higher term: whoever asked in a lower one does not lead, *)
(* nor will.                                                               *)
(***************************************************************************)
StepDown(m) ==
  /\ m.type \in {"Vote", "Appended", "NotAppended"}
  /\ TakesInput(m.to)
  /\ IsNewTerm(m)
  /\ HearOfTerm(m)
  /\ role' = [role EXCEPT ![m.to] = Follower(Nobody)]
  /\ React(m, NewTermRecord(m), <<>>)
  /\ UNCHANGED <<log, commitIndex>>

-----------------------------------------------------------------------------
(***************************************************************************)
(*                                Timers                                   *)
(*                                                                         *)
(* Asynchronous timers fire whenever they are set.  Accurate ones fire     *)
(* only at rest: where no message can arrive and nothing is left to flush, *)
(* so that they are longer than all that is on its way.                    *)
(***************************************************************************)
HasAccurateTimers == Timers = "accurate" \/ stable

AtRest ==
  /\ \A i \in Servers : pending[i] = <<>>
  /\ \A m \in Deliverable : m.to \notin up

(***************************************************************************)
(* Whoever does not lead waits for a leader.  The heartbeats of one start  *)
(* the election timers of its term anew, and those of earlier ones (5.2):  *)
(* if they are accurate they do not fire.                                  *)
(***************************************************************************)
IsHeartened(i) ==
  Heartbeats /\ \E j \in up \ {i} : Leads(j) /\ currentTerm[j] >= currentTerm[i]

WaitsInVain(i) ==
  i \in up /\ ~Leads(i) /\ currentTerm[i] < TermsInAll /\ ~IsHeartened(i)

(***************************************************************************)
(* Time-outs of random length let one server campaign at a time, and each  *)
(* some time (5.2): the next after the last that did.                      *)
(***************************************************************************)
Turn ==
  LET waiting == {i \in Servers : WaitsInVain(i)}
      later == {i \in waiting : i > campaigned}
  IN  IF later # {} THEN Min(later) ELSE Min(waiting)

ElectionTimesOut(i) ==
  IF HasAccurateTimers THEN AtRest /\ WaitsInVain(i) /\ i = Turn
                       ELSE ~Leads(i) /\ currentTerm[i] < TermsMax

HeartbeatTimesOut(i) ==
  /\ Heartbeats
  /\ Leads(i)
  /\ HasAccurateTimers \/ Timers = "campaigns" => AtRest

-----------------------------------------------------------------------------
(***************************************************************************)
(*                              Replication                                *)
(***************************************************************************)

(***************************************************************************)
(* Up to where leader i, which has the role r, may commit: to an entry of  *)
(* its own term that a quorum has.  Entries of earlier terms go with it,   *)
(* for that a quorum has one of those does not keep it (5.4.2, Figure 8).  *)
(***************************************************************************)
CommitTo(i, r) ==
  LET has(n) == {j \in Servers : r.matchIndex[j] >= n}
      may == {n \in 1..Len(log'[i]) :
                IsQuorum(has(n)) /\ log'[i][n].term = currentTerm'[i]}
  IN  Max(may \union {commitIndex[i]})

(***************************************************************************)
(* What a leader sends ahead of answers to each follower that it does not  *)
(* probe: all that it lacks, as far as there may be in flight.             *)
(***************************************************************************)
Ahead(i, r) == [j \in Servers |->
  IF j \in r.probing \union {i}
    THEN <<>>
    ELSE InMessages(r.nextIndex[j], Len(log'[i]),
                    InFlightMax - Len(r.inFlight[j]))]

SentAhead(i, r) ==
  LET ahead == Ahead(i, r)
  IN  [r EXCEPT
        !.inFlight = [j \in Servers |-> @[j] \o ahead[j]],
        !.nextIndex = [j \in Servers |->
          IF ahead[j] = <<>> THEN @[j] ELSE ahead[j][Len(ahead[j])].last + 1]]

(***************************************************************************)
(* A leader that has come to know r commits what it may, and sends ahead   *)
(* what there is.  If it has committed, it tells that to all who lack      *)
(* nothing; else to nobody but these.                                      *)
(***************************************************************************)
Proceed(i, r) ==
  /\ commitIndex' = [commitIndex EXCEPT ![i] = CommitTo(i, r)]
  /\ role' = [role EXCEPT ![i] = SentAhead(i, r)]

Said(i, r, these) ==
  LET last == Len(log'[i])
      tells(j) == commitIndex'[i] > commitIndex[i] \/ j \in these
      to(j) ==
        CASE r.nextIndex[j] <= last ->
               Map(LAMBDA s : AppendEntries(i, j, s.first, s.last),
                   Ahead(i, r)[j])
          [] r.nextIndex[j] > last /\ tells(j) /\ j \notin r.probing ->
               <<Commit(i, j)>>
          [] OTHER -> <<>>
  IN  TellCommitted(i) \o Concat(Map(to, Others(i)))

(***************************************************************************)
(* A client proposes a command to a server that leads, or has led.  A      *)
(* leader takes it, and does not wait for its disk: it sends it meanwhile, *)
(* and counts itself when it is durable (thesis 10.2.1).                   *)
(***************************************************************************)
NextCommand == Cardinality({c \in Commands : proposed[c] > 0}) + 1

Propose(i) ==
  LET entry == [term |-> currentTerm[i], val |-> NextCommand]
      r == IF Buffered
             THEN role[i]
             ELSE [role[i] EXCEPT !.matchIndex[i] = Len(log[i]) + 1]
      asked == [proposed EXCEPT ![NextCommand] = @ + 1]
      ask(written, said) == WriteAndSay(i, links, written, said, asked)
  IN  /\ TakesInput(i)
      /\ NextCommand \in Commands
      /\ \E t \in Terms : i \in elected[t]
      /\ IF Leads(i)
           THEN /\ log' = [log EXCEPT ![i] = Append(@, entry)]
                /\ UNCHANGED <<currentTerm, votedFor>>
                /\ Proceed(i, r)
                /\ ask(<<Lazy(AppendRecord(Len(log[i]), <<entry>>))>>,
                       Said(i, r, {}))
           ELSE /\ ask(<<>>, <<[type |-> "Refused", val |-> NextCommand,
                                leader |-> IF role[i].state = "follower"
                                             THEN role[i].leader
                                             ELSE Nobody]>>)
                /\ UNCHANGED knowledge
      /\ UNCHANGED <<up, time, faults>>

(***************************************************************************)
(* Whether a server has the entry of this index and term, as the one       *)
(* before the first; and how it says that it has not.                      *)
(***************************************************************************)
TermHere(i, index) == IF index > Len(log[i]) THEN 0 ELSE TermAt(log[i], index)

HasEntry(i, index, term) == index <= Len(log[i]) /\ TermHere(i, index) = term

Disagree(i, j, index) ==
  NotAppended(i, j, index, TermHere(i, index),
    IF index > Len(log[i])
      THEN Len(log[i]) + 1
      ELSE Min({n \in 1..index : log[i][n].term = TermHere(i, index)}))

(***************************************************************************)
(* A leader sends entries.  Whoever hears it follows it, whatever it was.  *)
(* It takes the entries only if its log agrees with the leader's just      *)
(* before them.  An entry that conflicts, of the same index and another    *)
(* term, is deleted with all that follow it; those that do not conflict    *)
(* stay, for a late message must not shorten a log (5.3).  What it has     *)
(* taken is durable before it says so.  It commits as far as its leader,   *)
(* and no further than its log is known to agree.                          *)
(***************************************************************************)
TakeEntries(m) ==
  LET i == m.to
      before == m.prevLogIndex
      agrees == HasEntry(i, before, m.prevLogTerm)
      lastNew == before + Len(m.entries)
      conflicts == {n \in (before + 1)..Min({lastNew, Len(log[i])}) :
                      log[i][n].term # m.entries[n - before].term}
      after == IF conflicts = {} THEN Len(log[i]) ELSE Min(conflicts) - 1
      new == SubSeq(m.entries, after - before + 1, Len(m.entries))
      append == IF new = <<>> THEN <<>> ELSE <<Forced(AppendRecord(after, new))>>
  IN  /\ Receives(m, "AppendEntries")
      /\ HearOfTerm(m)
      /\ CASE m.term < currentTerm[i] ->
                /\ React(m, <<>>, <<NotAppended(i, m.from, before, 0, before)>>)
                /\ UNCHANGED <<log, commitIndex, role>>
           [] m.term >= currentTerm[i] /\ ~agrees ->
                /\ role' = [role EXCEPT ![i] = Follower(m.from)]
                /\ React(m, NewTermRecord(m), <<Disagree(i, m.from, before)>>)
                /\ UNCHANGED <<log, commitIndex>>
           [] m.term >= currentTerm[i] /\ agrees ->
                /\ role' = [role EXCEPT ![i] = Follower(m.from)]
                /\ log' = [log EXCEPT ![i] = SubSeq(@, 1, after) \o new]
                /\ commitIndex' = [commitIndex EXCEPT ![i] =
                     Max({@, Min({m.leaderCommit, lastNew})})]
                /\ React(m, NewTermRecord(m) \o append,
                         TellCommitted(i) \o <<Appended(i, m.from, lastNew)>>)

(***************************************************************************)
(* A leader has committed.  If the follower's log is the leader's, as far  *)
(* as that has told of it, there is no more to say.                        *)
(***************************************************************************)
HearOfCommit(m) ==
  LET i == m.to
      last == m.lastLogIndex
      agrees == HasEntry(i, last, m.lastLogTerm)
  IN  /\ Receives(m, "Commit")
      /\ HearOfTerm(m)
      /\ UNCHANGED log
      /\ CASE m.term < currentTerm[i] ->
                /\ React(m, <<>>, <<NotAppended(i, m.from, last, 0, last)>>)
                /\ UNCHANGED <<commitIndex, role>>
           [] m.term >= currentTerm[i] /\ ~agrees ->
                /\ role' = [role EXCEPT ![i] = Follower(m.from)]
                /\ React(m, NewTermRecord(m), <<Disagree(i, m.from, last)>>)
                /\ UNCHANGED commitIndex
           [] m.term >= currentTerm[i] /\ agrees ->
                /\ role' = [role EXCEPT ![i] = Follower(m.from)]
                /\ commitIndex' = [commitIndex EXCEPT ![i] =
                     Max({@, Min({m.leaderCommit, last})})]
                /\ React(m, NewTermRecord(m), TellCommitted(i))

(***************************************************************************)
(* A follower's log agrees with the leader's up to an index.               *)
(***************************************************************************)
Agrees(r, j, index) ==
  LET match == Max({r.matchIndex[j], index})
  IN  [r EXCEPT
        !.matchIndex[j] = match,
        !.nextIndex[j] =
          IF j \in r.probing THEN match + 1 ELSE Max({@, match + 1}),
        !.probing = @ \ {j},
        !.inFlight[j] = SelectSeq(@, LAMBDA s : s.last > index)]

(***************************************************************************)
(* The leader hears of that.  Whom it has probed it tells at once how far  *)
(* it has committed.                                                       *)
(***************************************************************************)
CountAppended(m) ==
  LET i == m.to
      r == Agrees(role[i], m.from, m.matched)
  IN  /\ Receives(m, "Appended")
      /\ ~IsNewTerm(m)
      /\ UNCHANGED <<currentTerm, votedFor, log>>
      /\ IF m.term = currentTerm[i] /\ Leads(i)
           THEN /\ Proceed(i, r)
                /\ React(m, <<>>, Said(i, r, role[i].probing \ r.probing))
           ELSE /\ React(m, <<>>, <<>>)
                /\ UNCHANGED <<commitIndex, role>>

(***************************************************************************)
(* It does not agree there.  The leader looks further back, a term at a    *)
(* time: behind its own last entry of the term that the follower has       *)
(* there, or, if it has none, where that term begins in the follower's log *)
(* (5.3, the last paragraph).  It believes nobody who speaks of something  *)
(* else than it has asked, or whose log is known to agree there.           *)
(***************************************************************************)
BackOff(m) ==
  LET i == m.to
      j == m.from
      r == role[i]
      isAbout == IF j \in r.probing THEN m.rejected = r.nextIndex[j] - 1
                                    ELSE m.rejected < r.nextIndex[j]
      same == {n \in 1..(m.rejected - 1) : log[i][n].term = m.conflict}
      agreesPerhaps == IF same = {} THEN m.first ELSE Max(same) + 1
      next == Max({r.matchIndex[j] + 1, Min({agreesPerhaps, m.rejected})})
  IN  /\ Receives(m, "NotAppended")
      /\ ~IsNewTerm(m)
      /\ UNCHANGED <<currentTerm, votedFor, log, commitIndex>>
      /\ IF /\ m.term = currentTerm[i] /\ Leads(i)
            /\ isAbout /\ m.rejected > r.matchIndex[j]
           THEN /\ role' = [role EXCEPT ![i] =
                     [r EXCEPT !.nextIndex[j] = next,
                               !.probing = @ \union {j},
                               !.inFlight[j] = <<>>]]
                /\ React(m, <<>>, <<Probe(i, j, next)>>)
           ELSE /\ React(m, <<>>, <<>>)
                /\ UNCHANGED role

(***************************************************************************)
(* A leader says that it leads, and how far it has committed.  By the      *)
(* answer it learns whether something was lost.                            *)
(***************************************************************************)
Heartbeat(i) ==
  /\ TakesInput(i)
  /\ HeartbeatTimesOut(i)
  /\ UNCHANGED <<knowledge, campaigned>>
  /\ Act(i, <<>>, Map(LAMBDA j : AppendEntries(i, j, role[i].nextIndex[j],
                                               role[i].nextIndex[j] - 1),
                      Others(i)))

-----------------------------------------------------------------------------
(***************************************************************************)
(*                               Elections                                 *)
(***************************************************************************)

(***************************************************************************)
(* Whoever has won begins its term with an entry that does nothing, and    *)
(* sends it to everybody: it does not know yet where their logs agree.     *)
(***************************************************************************)
FirstEntry(i) == [term |-> currentTerm'[i], val |-> NoOp]

NewLeader(i) ==
  Leader(Len(log[i]) + 1, IF Buffered THEN 0 ELSE Len(log[i]) + 1, i)

Lead(i) ==
  /\ log' = [log EXCEPT ![i] = Append(@, FirstEntry(i))]
  /\ commitIndex' = [commitIndex EXCEPT ![i] = CommitTo(i, NewLeader(i))]

WrittenFirst(i) == <<Lazy(AppendRecord(Len(log[i]), <<FirstEntry(i)>>))>>

SaidFirst(i) ==
  <<TellLeads(i)>> \o TellCommitted(i)
    \o Map(LAMBDA j : Probe(i, j, Len(log'[i])), Others(i))

(***************************************************************************)
(* Nothing was heard of a leader for too long.  A server begins a new      *)
(* term, votes for itself, and asks all others (5.2).  Its vote is durable *)
(* before anyone hears of it.  Whoever is alone has won.                   *)
(***************************************************************************)
Campaign(i) ==
  LET hasWon == IsQuorum({i})
      vote == <<Forced(TermRecord(i))>>
  IN  /\ HasAccurateTimers \/ ~AtomicCampaigns
      /\ TakesInput(i)
      /\ ElectionTimesOut(i)
      /\ campaigned' = IF HasAccurateTimers THEN i ELSE campaigned
      /\ currentTerm' = [currentTerm EXCEPT ![i] = @ + 1]
      /\ votedFor' = [votedFor EXCEPT ![i] = i]
      /\ IF hasWon
           THEN /\ Lead(i)
                /\ role' = [role EXCEPT ![i] = NewLeader(i)]
                /\ Act(i, vote \o WrittenFirst(i), SaidFirst(i))
           ELSE /\ role' = [role EXCEPT ![i] = Candidate({i})]
                /\ Act(i, vote, Map(LAMBDA j : RequestVote(i, j), Others(i)))
                /\ UNCHANGED <<log, commitIndex>>

(***************************************************************************)
(* A server votes in its own term, for one candidate, and only for one     *)
(* whose log is at least as up to date as its own (5.2, 5.4.1).  Term and  *)
(* vote are durable together, before it answers.                           *)
(***************************************************************************)
CastVote(m) ==
  LET i == m.to
      voted == IF IsNewTerm(m) THEN Nobody ELSE votedFor[i]
      mayVote == m.term >= currentTerm[i] /\ voted \in {Nobody, m.from}
      grants == mayVote /\ IsUpToDate(m.lastLogTerm, m.lastLogIndex, log[i])
      vote == IF grants THEN m.from ELSE voted
  IN  /\ Receives(m, "RequestVote")
      /\ currentTerm' = [currentTerm EXCEPT ![i] = Max({@, m.term})]
      /\ votedFor' = [votedFor EXCEPT ![i] = vote]
      /\ role' = IF IsNewTerm(m)
                   THEN [role EXCEPT ![i] = Follower(Nobody)] ELSE role
      /\ React(m, IF IsNewTerm(m) \/ vote # votedFor[i]
                    THEN <<Forced(TermRecord(i))>> ELSE <<>>,
                  <<Vote(i, m.from, grants)>>)
      /\ UNCHANGED <<log, commitIndex>>

(***************************************************************************)
(* A candidate for which a quorum has voted leads.                         *)
(***************************************************************************)
CountVote(m) ==
  LET i == m.to
      counts == /\ m.term = currentTerm[i] /\ m.granted
                /\ role[i].state = "candidate"
      votes == role[i].votesGranted \union {m.from}
  IN  /\ Receives(m, "Vote")
      /\ ~IsNewTerm(m)
      /\ UNCHANGED <<currentTerm, votedFor>>
      /\ CASE ~counts ->
                /\ React(m, <<>>, <<>>)
                /\ UNCHANGED <<log, commitIndex, role>>
           [] counts /\ ~IsQuorum(votes) ->
                /\ role' = [role EXCEPT ![i] = Candidate(votes)]
                /\ React(m, <<>>, <<>>)
                /\ UNCHANGED <<log, commitIndex>>
           [] counts /\ IsQuorum(votes) ->
                /\ Lead(i)
                /\ role' = [role EXCEPT ![i] = NewLeader(i)]
                /\ React(m, WrittenFirst(i), SaidFirst(i))

(***************************************************************************)
(* A campaign that is over at once.  What the candidate asks of some is    *)
(* answered at once, what it asks of others is lost, and it wins.  It may  *)
(* have campaigned in vain before, and nobody has heard: so it is ahead of *)
(* all that it asks.  What is said on a link that is full pushes something *)
(* out, however short it stays.                                            *)
(***************************************************************************)
CampaignAtOnce(i) ==
  \E S \in SUBSET (up \ {i}) :
    LET heard == S \union {i}
        term == Max({currentTerm[j] : j \in heard}) + 1
        grants == {j \in S : IsUpToDate(LastTerm(log[i]), Len(log[i]), log[j])}
        remaining == [j \in Servers |-> [k \in Servers |->
          IF (j = i /\ k # i) \/ (j \in S /\ k = i)
            THEN WithRoom(links[j][k]) ELSE links[j][k]]]
    IN  /\ AtomicCampaigns /\ ~HasAccurateTimers
        /\ i \in up
        /\ ElectionTimesOut(i)
        /\ term <= TermsInAll
        /\ IsQuorum(grants \union {i})
        /\ currentTerm' = [j \in Servers |->
             IF j \in heard THEN term ELSE currentTerm[j]]
        /\ votedFor' = [j \in Servers |->
             CASE j \in grants \union {i} -> i
               [] j \in S \ grants -> Nobody
               [] OTHER -> votedFor[j]]
        /\ Lead(i)
        /\ role' = [j \in Servers |->
             CASE j = i -> NewLeader(i)
               [] j \in S -> Follower(Nobody)
               [] OTHER -> role[j]]
        /\ disk' = [j \in Servers |->
             LET votes == IF j \in heard THEN <<Forced(TermRecord(j))>> ELSE <<>>
                 takes == IF j = i THEN WrittenFirst(i) ELSE <<>>
             IN  ApplyAll(disk[j], votes \o takes)]
        /\ Hear(i, remaining, SaidFirst(i), proposed)
        /\ UNCHANGED <<up, pending, time, faults>>

-----------------------------------------------------------------------------
(***************************************************************************)
(*                           The environment                               *)
(***************************************************************************)

(***************************************************************************)
(* A server's oldest pending record becomes durable, and what waits for it *)
(* is heard.  A lazy one is what a leader has taken: it counts itself now. *)
(***************************************************************************)
Flush(i) ==
  LET oldest == Head(pending[i])
      record == oldest.record
      durable == record.after + Len(record.entries)
      r == [role[i] EXCEPT !.matchIndex[i] = Max({@, durable})]
  IN  /\ pending[i] # <<>>
      /\ disk' = [disk EXCEPT ![i] = Apply(@, record)]
      /\ UNCHANGED <<up, currentTerm, votedFor, log, time, faults>>
      /\ IF ~oldest.forced /\ Leads(i)
           THEN /\ Proceed(i, r)
                /\ SayBehind(i, Tail(pending[i]), links, Said(i, r, {}), proposed)
           ELSE /\ pending' = [pending EXCEPT ![i] = Tail(@)]
                /\ Hear(i, links, oldest.waiting, proposed)
                /\ UNCHANGED <<commitIndex, role>>

(***************************************************************************)
(* What a server knows that finds this on its disk.  How far its log is    *)
(* committed it will be told.                                              *)
(***************************************************************************)
Knows(i, held) ==
  /\ currentTerm' = [currentTerm EXCEPT ![i] = held.currentTerm]
  /\ votedFor' = [votedFor EXCEPT ![i] = held.votedFor]
  /\ log' = [log EXCEPT ![i] = held.log]
  /\ commitIndex' = [commitIndex EXCEPT ![i] = 0]
  /\ role' = [role EXCEPT ![i] = Follower(Nobody)]

(***************************************************************************)
(* A crash leaves the disk, and what others have heard.  It may cut short  *)
(* what its server has just sent: any part of what is in flight goes with  *)
(* it, in order if the network is.  Where messages are received again and  *)
(* again, none has to be received.                                         *)
(***************************************************************************)
Crash(i) ==
  LET mayBeLeft == [j \in Servers |-> MayBeLeft(links[i][j])]
  IN  /\ i \in up
      /\ ~stable
      /\ crashes < CrashesMax
      /\ Cardinality(Servers \ up) < DownMax
      /\ up' = up \ {i}
      /\ crashes' = crashes + 1
      /\ Knows(i, EmptyDisk)
      /\ pending' = [pending EXCEPT ![i] = <<>>]
      /\ \E left \in [Servers -> UNION {mayBeLeft[j] : j \in Servers}] :
           /\ \A j \in Servers : left[j] \in mayBeLeft[j]
           /\ links' = [links EXCEPT ![i] = left]
      /\ UNCHANGED <<disk, history, time, drops>>

(***************************************************************************)
(* A server comes up again with its disk.                                  *)
(***************************************************************************)
Recover(i) ==
  /\ Recovery /\ i \notin up
  /\ up' = up \union {i}
  /\ Knows(i, disk[i])
  /\ UNCHANGED <<diskVariables, links, history, time, faults>>

(***************************************************************************)
(* A message is lost for ever, unless it is sent again.                    *)
(***************************************************************************)
Drop(m) ==
  /\ ~stable
  /\ drops < DropsMax
  /\ links' = [links EXCEPT ![m.from][m.to] = Without(@, m)]
  /\ drops' = drops + 1
  /\ UNCHANGED <<up, knowledge, diskVariables, history, time, crashes>>

(***************************************************************************)
(* Faults come to an end, and timers become accurate.  Nobody is told.     *)
(***************************************************************************)
Stabilise ==
  /\ Stabilises /\ ~stable
  /\ stable' = TRUE
  /\ UNCHANGED <<up, knowledge, diskVariables, links, history, campaigned,
                 faults>>

-----------------------------------------------------------------------------
Init ==
  /\ up = Servers
  /\ currentTerm = [i \in Servers |-> 0]
  /\ votedFor = [i \in Servers |-> Nobody]
  /\ log = [i \in Servers |-> <<>>]
  /\ commitIndex = [i \in Servers |-> 0]
  /\ role = [i \in Servers |-> Follower(Nobody)]
  /\ disk = [i \in Servers |-> EmptyDisk]
  /\ pending = [i \in Servers |-> <<>>]
  /\ links = [i \in Servers |-> [j \in Servers |-> Nothing]]
  /\ elected = [t \in Terms |-> {}]
  /\ committed = {}
  /\ proposed = [c \in Commands |-> 0]
  /\ stable = FALSE
  /\ campaigned = Nobody
  /\ crashes = 0
  /\ drops = 0

Next ==
  \/ \E i \in Servers : Propose(i)
  \/ \E i \in Servers : Campaign(i)
  \/ \E i \in Servers : CampaignAtOnce(i)
  \/ \E m \in Deliverable : CastVote(m)
  \/ \E m \in Deliverable : CountVote(m)
  \/ \E m \in Deliverable : StepDown(m)
  \/ \E m \in Deliverable : TakeEntries(m)
  \/ \E m \in Deliverable : HearOfCommit(m)
  \/ \E m \in Deliverable : CountAppended(m)
  \/ \E m \in Deliverable : BackOff(m)
  \/ \E i \in Servers : Heartbeat(i)
  \/ \E i \in Servers : Flush(i)
  \/ \E i \in Servers : Crash(i)
  \/ \E i \in Servers : Recover(i)
  \/ \E m \in Deliverable : Drop(m)
  \/ Stabilise

Spec == Init /\ [][Next]_vars

-----------------------------------------------------------------------------
(***************************************************************************)
(*                               Fairness                                  *)
(*                                                                         *)
(* Spec lets everything stop at any moment.  To show that something will   *)
(* happen, one has to assume of some actions that they do not stay enabled *)
(* for ever without being taken.  Nothing is assumed of crashes, drops,    *)
(* stabilising and clients: they need not happen.                          *)
(***************************************************************************)

(***************************************************************************)
(* A server receives a message of another: all that may come of it.        *)
(***************************************************************************)
Receive(i, j) ==
  \E m \in Deliverable :
    /\ m.from = i /\ m.to = j
    /\ CASE m.type = "RequestVote" -> CastVote(m)
         [] m.type = "Vote" -> CountVote(m) \/ StepDown(m)
         [] m.type = "AppendEntries" -> TakeEntries(m)
         [] m.type = "Commit" -> HearOfCommit(m)
         [] m.type = "Appended" -> CountAppended(m) \/ StepDown(m)
         [] m.type = "NotAppended" -> BackOff(m) \/ StepDown(m)

(***************************************************************************)
(* A link does not keep all that is on it for ever.                        *)
(***************************************************************************)
FairDelivery == \A i, j \in Servers : WF_vars(Receive(i, j))

(***************************************************************************)
(* Clocks run.  That one campaigns at a time, and each in its turn, makes  *)
(* the rest: of all campaigns together it is enough that they do not stay  *)
(* away for ever.                                                          *)
(***************************************************************************)
SomebodyCampaigns == \E i \in Servers : Campaign(i)

FairTimers ==
  /\ WF_vars(SomebodyCampaigns)
  /\ \A i \in Servers : WF_vars(Heartbeat(i))

(***************************************************************************)
(* A disk gets its work done, if its server stays up.                      *)
(***************************************************************************)
FairFlushes == \A i \in Servers : WF_vars(Flush(i))

(***************************************************************************)
(* A server that has crashed is restarted at last: somebody sees to it.    *)
(***************************************************************************)
FairRecovery == \A i \in Servers : WF_vars(Recover(i))

Fairness ==
  /\ FairDelivery
  /\ FairTimers
  /\ FairFlushes
  /\ FairRecovery

FairSpec == Spec /\ Fairness

-----------------------------------------------------------------------------
(***************************************************************************)
(*                             Why it is safe                              *)
(***************************************************************************)

(***************************************************************************)
(* At most one server leads a term (Figure 3, 5.2).                        *)
(***************************************************************************)
ElectionSafety == \A t \in Terms : Cardinality(elected[t]) <= 1

(***************************************************************************)
(* The log of each server: what it knows, or will know when it comes up    *)
(* again.                                                                  *)
(***************************************************************************)
LogOf(i) == IF i \in up THEN log[i] ELSE disk[i].log

(***************************************************************************)
(* Logs that have an entry of the same index and term are the same up to   *)
(* it (Figure 3, 5.3).                                                     *)
(***************************************************************************)
LogMatching ==
  \A i, j \in Servers :
    \A n \in 1..Min({Len(LogOf(i)), Len(LogOf(j))}) :
      LogOf(i)[n].term = LogOf(j)[n].term =>
        SubSeq(LogOf(i), 1, n) = SubSeq(LogOf(j), 1, n)

LogTermsGrow ==
  \A i \in Servers : \A n \in 2..Len(LogOf(i)) :
    LogOf(i)[n - 1].term <= LogOf(i)[n].term

(***************************************************************************)
(* What is committed in a term is in the log of every leader of a higher   *)
(* one (Figure 3, 5.4).                                                    *)
(***************************************************************************)
LeaderCompleteness ==
  \A i \in up : Leads(i) =>
    \A o \in committed : o.by < currentTerm[i] =>
      Len(log[i]) >= o.index /\ log[i][o.index].term = o.term

(***************************************************************************)
(* One entry is committed at an index, by whomever, and for ever (Figure   *)
(* 3, 5.4.3).  So servers that have applied as much have applied the same. *)
(***************************************************************************)
StateMachineSafety ==
  \A o, other \in committed : o.index = other.index => o.term = other.term

ReplicasAgree ==
  \A i, j \in up : commitIndex[i] = commitIndex[j] =>
    SubSeq(log[i], 1, commitIndex[i]) = SubSeq(log[j], 1, commitIndex[j])

(***************************************************************************)
(* Whatever a server has answered is on its disk: votes, and entries of    *)
(* the answer's term.  In a later term they may have been replaced.        *)
(***************************************************************************)
InFlight == UNION {OnLink(links[i][j]) : i, j \in Servers}

AnswersAreDurable ==
  \A m \in InFlight :
    LET held == disk[m.from]
        isOfItsTerm == held.currentTerm = m.term
    IN  /\ held.currentTerm >= m.term
        /\ m.type = "Vote" /\ m.granted /\ isOfItsTerm => held.votedFor = m.to
        /\ m.type = "Appended" /\ isOfItsTerm => Len(held.log) >= m.matched

(***************************************************************************)
(* What a disk will hold is what its server believes that it does.         *)
(***************************************************************************)
Believed(i) ==
  [currentTerm |-> currentTerm[i], votedFor |-> votedFor[i], log |-> log[i]]

RecoveryReadsBack == \A i \in up : ApplyAll(disk[i], pending[i]) = Believed(i)

(***************************************************************************)
(* Each entry that a leader could send ahead it has sent.                  *)
(***************************************************************************)
AllIsSentAhead ==
  \A i \in up : Leads(i) =>
    \A j \in Servers \ (role[i].probing \union {i}) :
      \/ role[i].nextIndex[j] > Len(log[i])
      \/ Len(role[i].inFlight[j]) = InFlightMax

TypeOK ==
  LET termsAndZero == 0..TermsInAll
      candidates == Servers \union {Nobody}
  IN  /\ up \subseteq Servers
      /\ currentTerm \in [Servers -> termsAndZero]
      /\ votedFor \in [Servers -> candidates]
      /\ \A i \in Servers : log[i] \in Seq(Entry) /\ Len(log[i]) <= IndexMax
      /\ commitIndex \in [Servers -> 0..IndexMax]
      /\ \A i \in Servers : role[i] \in Role
      /\ disk \in [Servers -> [currentTerm : termsAndZero,
                               votedFor : candidates, log : Seq(Entry)]]
      /\ \A i \in Servers : \A n \in DOMAIN pending[i] :
           /\ pending[i][n].record \in Record
           /\ pending[i][n].forced \in BOOLEAN
           /\ Range(pending[i][n].waiting) \subseteq Message \union Output
      /\ \A i, j \in Servers : \A m \in OnLink(links[i][j]) :
           m \in Message /\ m.from = i /\ m.to = j /\ i # j
      /\ elected \in [Terms -> SUBSET Servers]
      /\ committed \subseteq [index : 1..IndexMax, term : Terms, by : Terms]
      /\ proposed \in [Commands -> Nat]
      /\ stable \in BOOLEAN
      /\ campaigned \in candidates
      /\ crashes \in 0..CrashesMax
      /\ drops \in 0..DropsMax

-----------------------------------------------------------------------------
(***************************************************************************)
(*                          What steps do not do                           *)
(***************************************************************************)
IsPrefix(s, t) == Len(s) <= Len(t) /\ SubSeq(t, 1, Len(s)) = s

(***************************************************************************)
(* A leader only appends to its log (Figure 3, 5.3).                       *)
(***************************************************************************)
LeaderAppendOnly ==
  [][\A i \in up \intersect up' :
       Leads(i) /\ Leads(i)' /\ currentTerm[i] = currentTerm'[i] =>
         IsPrefix(log[i], log'[i])]_vars

(***************************************************************************)
(* Terms never decrease, also across a crash; nor does a commit index      *)
(* while its server is up.                                                 *)
(***************************************************************************)
TermsGrow ==
  [][\A i \in Servers :
       /\ disk'[i].currentTerm >= disk[i].currentTerm
       /\ i \in up \intersect up' => currentTerm'[i] >= currentTerm[i]]_vars

CommitsGrow ==
  [][\A i \in up \intersect up' : commitIndex'[i] >= commitIndex[i]]_vars

-----------------------------------------------------------------------------
(***************************************************************************)
(*                               Liveness                                  *)
(*                                                                         *)
(* Whatever happened before faults ended, if there are terms enough.       *)
(***************************************************************************)

(***************************************************************************)
(* Once faults end, all that are up come to follow one leader, for good.   *)
(***************************************************************************)
AllFollowOne ==
  \E i \in up :
    /\ Leads(i)
    /\ \A j \in up \ {i} :
         role[j] = Follower(i) /\ currentTerm[j] = currentTerm[i]

LeadsForGood == <>[](stable => AllFollowOne)

(***************************************************************************)
(* Once faults end, whoever is up comes to have what is committed.         *)
(***************************************************************************)
Lags(i) == i \in up /\ \E o \in committed : o.index > commitIndex[i]

CatchesUp == \A i \in Servers : (stable /\ Lags(i)) ~> ~Lags(i)

(***************************************************************************)
(* Once faults end, what a leader has taken is committed by all that are   *)
(* up, or it leads no longer.                                              *)
(***************************************************************************)
AllHaveItsLog(i) == \A j \in up : commitIndex[j] = Len(log[i])

Commits ==
  \A i \in Servers :
    (stable /\ Leads(i) /\ ~AllHaveItsLog(i)) ~> (Leads(i) => AllHaveItsLog(i))
=============================================================================
