package policy

import "parley/engine"

// The limits of documents, grants and requests, which come from others. README section 8.
const (
	MaxDocumentBytes  = 64 << 10 // a policy, as a file and encoded
	MaxGrantBytes     = 64 << 10 // a grant, or a request, encoded
	MaxRules          = 64       // rules of a document
	MaxSelectors      = 256      // entries of who
	MaxTexts          = 64       // purposes, and legal bases, of a rule or grant
	MaxTextBytes      = 256      // a purpose, a legal basis, a rule's name, a selector
	MaxHours          = 8        // spans of a day
	MaxParameterTexts = 256      // values that a parameter of a standing grant may take
	MaxWhenBytes      = 2048     // a condition
	MaxWhenNodes      = 512      // parts of a condition, those of its macros included
	MaxWhenDepth      = 24       // nesting of a condition
	MaxWhenCost       = 20_000   // cost of a policy's conditions together at worst, in cel-go's units: about a microsecond each
	MaxUses           = 1_000_000
	MaxDraw           = 1 << 27 // ids that one department may draw tokens for: four times a spine's positions
	MaxCohort         = engine.MaxRuleRows
	MaxZone           = 14 * 60 // minutes from UTC
	// MaxGrantsHeld is how many grants that are neither ended nor revoked a person may hold of one
	// department for one table: the referee counts, so that a decision stays cheap.
	MaxGrantsHeld = 64
	// MaxRefusalBytes is how long Decision.Refusal's sentence is at most.
	MaxRefusalBytes = 1000
	// MaxGrantSeconds is how long a grant may last: five years, as a person is vouched for.
	MaxGrantSeconds = 5 * 366 * 86400
)
