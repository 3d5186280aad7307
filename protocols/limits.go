package protocols

import (
	"parley/engine"
)

// Limits on what arrives from others (README section 9). SQL and registrations have theirs in
// engine; blobs have one exact size each, which follows from the parameters (Sizes).
const (
	// MaxEntryBytes bounds one encoded entry. Only a registration with dictionaries comes near.
	MaxEntryBytes = engine.MaxTransactionBytes
	// MaxSmallBody bounds the body of every entry that is not a registration.
	MaxSmallBody = 160 << 10
	// MaxRecordBytes bounds one encoded record of the ledger.
	MaxRecordBytes = MaxEntryBytes + 64
	// MaxDepartments bounds a committee, whatever the parameters allow.
	MaxDepartments = 64
	// MaxAskTables bounds the registrations that one question names: of each table that it joins each contributor's.
	MaxAskTables = 2 * MaxDepartments
	// MaxAuditors bounds the validators that are no departments.
	MaxAuditors = 64
	// MaxHistory bounds the Joins and votes in a network's history.
	MaxHistory = 1 << 16
	// MaxDraws bounds one department's batches under one linkage, of which the state keeps the last KeepDraws: a member helps with no
	// older one.
	MaxDraws  = 1 << 16
	KeepDraws = 4
	// MaxSpines bounds one department's spines, which have at most linkage.MaxBlocks blocks together: none takes another's room.
	MaxSpines = 2
	// MaxVotes bounds one validator's votes for changes of the present membership.
	MaxVotes = 8
	// KeepEnded is how many queries the state keeps after they ended, to be certified and judged.
	KeepEnded = 64
	// KeepEpochs is how many of the last epochs the state keeps, besides those in use.
	KeepEpochs = 8
	// MaxAsked bounds the questions of one epoch; then the next one is formed.
	MaxAsked = 1 << 16
	// MaxPeople bounds the persons for whom one department vouches.
	MaxPeople = 256
	// MaxPersonKeys bounds the keys for which one department ever vouched, those that ended included.
	MaxPersonKeys = 1024
	// MaxVouchSeconds bounds how long a vouch holds: five years.
	MaxVouchSeconds = (5*365 + 2) * 24 * 3600
	// MaxAccounts bounds the accounts of one department: persons and purposes for which anything of a budget is spent. MaxAllAccounts
	// bounds those of all, of departments that have left as well.
	MaxAccounts    = 2048
	MaxAllAccounts = 1 << 16
	// MaxReason bounds the reason of a revocation.
	MaxReason = 128
	// MaxActText bounds what an Act says.
	MaxActText = 512
	// MaxRightsBytes bounds the policies, grants and requests that the state keeps, together, with what
	// may come to them. Each department has an equal share of it, of which its persons' requests take a
	// quarter at most.
	MaxRightsBytes = 16 << 20
	// MaxPlaceBytes bounds where a department says that it stands.
	MaxPlaceBytes = 256
	// MaxRequests bounds one person's requests that have not ended.
	MaxRequests = 64
	// MaxPrintBytes bounds an answer that is remembered under a rule history: its text and its verdict.
	MaxPrintBytes = 8 << 10
	// MaxHistoryBytes bounds all that are, of which the persons of each department have an equal share.
	MaxHistoryBytes = 16 << 20
	// MaxPastBytes bounds what one screening is compared with.
	MaxPastBytes = 64 << 10
	// MaxRunning bounds the uses of a grant that later rounds may go on with.
	MaxRunning = MaxPendingPerAnalyst
	// KeepAlerts is how many of the last alerts the state keeps. While a query is kept, alerts may be raised about
	// as many that ended before it, and after it: so no alert about it is dropped, and none is raised twice.
	KeepAlerts = 2 * KeepEnded * MaxAlertsOfQuery
	// MaxAlertsOfQuery bounds the alerts about one answer.
	MaxAlertsOfQuery = 8
	// MaxAlertText bounds an alert's rule, and what it found.
	MaxAlertText = 512
	// MaxEvidence bounds the deviations that the state keeps.
	MaxEvidence = 48
	// MaxEvidenceRecord bounds a record that is kept within an Evidence; of a longer one only the
	// digest is. It has room for MaxLinkedBlobs digests, and for a verdict: who gives as much as is allowed is not
	// convicted by less.
	MaxEvidenceRecord = 90 << 10
	// MaxReceiptBytes bounds a receipt in a certificate.
	MaxReceiptBytes = engine.MaxReceiptBytes
	// MaxStateBytes bounds an encoded State.
	MaxStateBytes = engine.MaxStateBytes
	// MaxTables bounds one department's tables, all versions of one counting once: the catalogue has
	// room for those of the largest committee.
	MaxTables = engine.MaxRegistrations / MaxDepartments
	// MaxCatalogueBytes bounds the registrations that the state keeps, together. Each department has an
	// equal share of it.
	MaxCatalogueBytes = 39 << 20
	// MaxNameBytes bounds a member's and a network's name.
	MaxNameBytes = 64
	// MaxCiphertexts bounds the ciphertexts that one query takes from a department, and so
	// the digests in a Contribute or Share entry, and with them a journal record.
	MaxCiphertexts = 128
	// MaxLinkedBlobs bounds the ciphertexts of vectors, and the products, that one department gives to a question which joins tables by
	// persons, and so the digests in a Contribute or Multiply entry. Of more positions or more groups such a question is refused: there is
	// room for 10 vectors of a million positions at the parameter set default.
	MaxLinkedBlobs = 2560
	// MaxQuestionBlobs bounds what all departments give to one such question, their shares with it: it takes no more of the state than
	// any other.
	MaxQuestionBlobs = 15 << 10
	// MaxTargets bounds the numbers that one such question releases, and MaxSlots those of one share: its proof holds a ring element of each.
	MaxTargets = 1 << 12
	MaxSlots   = 256
	// MaxJointBytes bounds what a node holds in memory of one such question: the ciphertexts of its vectors' sums, its products and its numbers.
	MaxJointBytes = 2 << 30
	// MaxVectorBytes bounds a department's own vectors of one epoch.
	MaxVectorBytes = 1 << 30
	// MaxVerifiedVectors bounds how many proofs of vectors a party remembers to have verified in an epoch, 32 bytes each and the map's.
	MaxVerifiedVectors = 1 << 16
	// MaxVerdictBytes bounds a screening's verdict, as runs of cells, and MaxScreenedCells its cells.
	MaxVerdictBytes  = 16 << 10
	MaxScreenedCells = 1 << 20
	// MaxPendingPerAnalyst bounds one analyst's queries that have not ended.
	MaxPendingPerAnalyst = 8
	// MaxPending bounds all queries that have not ended.
	MaxPending = 64
	// MaxSentence bounds the sentence of a refusal, an accusation or an abort.
	MaxSentence = 1024
	// MaxCode bounds the code of a refusal.
	MaxCode = 64
	// MaxDeadlineSeconds bounds the time that an analyst may give a query.
	MaxDeadlineSeconds = 24 * 3600
	// MaxVerifyingKeys bounds the verifying keys in a network description.
	MaxVerifyingKeys = 256 << 10
	// MaxNetworkBytes bounds a network description in JSON.
	MaxNetworkBytes = 1 << 20
	// MaxJournalRecord bounds one journal record: all blobs of one query, and a little more.
	MaxJournalRecord = engine.MaxEncodedBytes
	// MaxCertificateBytes bounds a certificate.
	MaxCertificateBytes = engine.MaxEncodedBytes
)
