package engine

import "math/big"

// Why a cell is withheld: the reason codes of a verdict. README section 18.3.
const (
	ReasonCount       byte = 1 // fewer rows than Disclosure.Count
	ReasonFloor       byte = 2 // a department with fewer rows than Disclosure.Floor
	ReasonDepartments byte = 3 // fewer departments than Disclosure.Departments
	ReasonFreedom     byte = 4 // fewer degrees of freedom than Disclosure.Freedom
	ReasonParameters  byte = 5 // more parameters than Disclosure.ParametersPerMille
	ReasonComplement  byte = 6 // what else is shown would give away a cell that is withheld
)

// ReasonName is what an answer calls a reason code; "" of a byte that is none.
func ReasonName(code byte) string {
	names := [...]string{"", "count", "floor", "departments", "freedom", "parameters", "complement"}
	if int(code) >= len(names) {
		return ""
	}
	return names[code]
}

// Screening is what makes a plan the screening of another one.
type Screening struct {
	Answer Digest // of the plan whose answer is screened
	Rules  Disclosure
	answer *Plan
}

// Screening is the plan of what the contributors look at before the plan's answer is released. README
// section 18.2.
func (p *Plan) Screening(d Disclosure) (*Plan, error) {
	return nil, refuse(CodePolicy, 0, "this cannot be screened yet")
}

// Screened is, on a screening's plan, the verdict over the cells of the answer's: a reason code for each of
// them, 0 where it is shown. It takes the screening's cells, summed over the departments. README section 18.3.
func (p *Plan) Screened(cells []*big.Int) ([]byte, error) {
	return nil, refuse(CodePolicy, 0, "this cannot be screened yet")
}

// Withhold is the plan of the answer that shows what a verdict leaves. README section 18.3.
func (p *Plan) Withhold(d Disclosure, verdict []byte) (*Plan, error) {
	return nil, refuse(CodePolicy, 0, "this cannot be screened yet")
}
