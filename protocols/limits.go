package protocols

import "parley/engine"

// Limits on what arrives from others (README section 9). SQL and registrations have theirs in
// engine; blobs have one exact size each, which follows from the parameters (Sizes).
const (
	// MaxEntryBytes bounds one encoded entry. Only a registration with dictionaries comes near.
	MaxEntryBytes = 8 << 20
	// MaxSmallBody bounds the body of every entry that is not a registration.
	MaxSmallBody = 96 << 10
	// MaxRecordBytes bounds one encoded log record.
	MaxRecordBytes = MaxEntryBytes + 1024
	// MaxDepartments bounds a committee, whatever the parameters allow.
	MaxDepartments = 64
	// MaxNameBytes bounds a department's and a network's name.
	MaxNameBytes = 64
	// MaxCiphertexts bounds the ciphertexts that one query takes from a department, and so
	// the digests in a Contribute or Share entry, and with them a journal record.
	MaxCiphertexts = 128
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
