package protocols

import (
	"bytes"
	"cmp"
	"slices"

	"parley/engine"
	"parley/engine/policy"
	"parley/engine/privacy"
)

// account is what a person's questions cost of a department's budget of differential privacy for a table and a purpose. It
// outlives the policy, the table's versions and the department's key: none of them is another budget of the same rows. Nothing ends it.
type account struct {
	_          struct{} `cbor:",toarray"`
	Department string
	Table      string
	Person     Key // the first key
	Purpose    string
	Rho        int64 // in units of 10^-9; above 0
}

// spending is what a question takes of the account with one of its contributors.
type spending struct {
	_     struct{} `cbor:",toarray"`
	Price int64    // 0: the department has no budget
	Spent int64    // by other questions, at the Ask
}

func compareAccounts(a, b *account) int {
	return cmp.Or(cmp.Compare(a.Department, b.Department), cmp.Compare(a.Table, b.Table),
		bytes.Compare(a.Person[:], b.Person[:]), cmp.Compare(a.Purpose, b.Purpose))
}

// spent is what stands on an account.
func (r *rights) spent(of account) int64 {
	if i, found := slices.BinarySearchFunc(r.accounts, &of, compareAccounts); found {
		return r.accounts[i].Rho
	}
	return 0
}

// withSpent is the same with so much more, or less, on an account; one with nothing on it is dropped.
func (r *rights) withSpent(of account, rho int64) *rights {
	of.Rho = r.spent(of) + rho
	accounts := put(r.accounts, &of, compareAccounts)
	if of.Rho <= 0 {
		accounts = slices.DeleteFunc(accounts, func(a *account) bool { return compareAccounts(a, &of) == 0 })
	}
	return newRights(r.policies, r.grants, r.requests, accounts)
}

// accountOf is a question's with the department of one of its tables.
func accountOf(person *person, t *tableState, purpose string) account {
	return account{Department: t.registration.Department, Table: t.registration.Table, Person: person.body.First, Purpose: purpose}
}

// priceOf is what a question costs each department that has a budget: the noise is that of the strictest of their rules.
func priceOf(policies []*policyState) int64 {
	var rules engine.Disclosure
	for _, p := range policies {
		rules = rules.Unite(p.document.Disclosure)
	}
	return rules.Rho()
}

// afford is what a question takes of budgets, refused where one has no room for it.
func (s *State) afford(b *Ask, vouch *person, tables []*tableState, policies []*policyState) ([]spending, *Refusal) {
	price, out := priceOf(policies), make([]spending, len(tables))
	for i, t := range tables {
		rules := policies[i].document.Disclosure
		if rules.Budget == 0 {
			continue
		}
		of := accountOf(vouch, t, b.Purpose)
		out[i] = spending{Price: price, Spent: s.rights.spent(of)}
		c := policy.Cost{Department: t.registration.Department, Price: price, Spent: out[i].Spent, Budget: rules.Budget, Delta: rules.Delta}
		if !c.Fits() {
			return nil, refuse("budget-spent", "the budget of department %q for this person and purpose has no room for the question: ε = %s is spent, it would be %s, and at most %s",
				c.Department, c.Before(), c.With(), c.Most())
		}
		if out[i].Spent == 0 && (s.accountsOf(of.Department) >= MaxAccounts || len(s.rights.accounts)+i >= MaxAllAccounts) {
			return nil, refuse("too-many", "department %q, or all together, keep account of as many persons and purposes as there is room for, %d and %d", c.Department, MaxAccounts, MaxAllAccounts)
		}
	}
	return out, nil
}

func (s *State) accountsOf(department string) (n int) {
	for _, a := range s.rights.accounts {
		if a.Department == department {
			n++
		}
	}
	return n
}

// spend takes from the accounts what a question costs, or with sign −1 gives it back.
func (s *State) spend(q *QueryState, sign int64) {
	for i, t := range q.tables {
		if price := q.ruling.spending[i].Price; price > 0 {
			s.rights = s.rights.withSpent(accountOf(q.vouch, t, q.Ask.Purpose), sign*price)
		}
	}
}

// Budget is what a person's questions cost of a department's budget for a table and a purpose.
type Budget struct {
	Department string
	Table      string
	Person     Key // the first key
	Purpose    string
	Rho        int64 // in units of 10^-9
	// Epsilon is what that is, and Most what the policy in force allows, in units of 10^-6, for Delta, in units of 10^-12.
	// Most and Delta are 0 where it has no budget now: then Epsilon is for the least δ.
	Epsilon, Most, Delta int64
	Left                 int64 // questions for which there is room, at the policy's own ε
}

// Budgets are what is spent of budgets, by department, table, person and purpose.
func (s *State) Budgets() []Budget {
	out := make([]Budget, len(s.rights.accounts))
	for i, a := range s.rights.accounts {
		out[i] = Budget{Department: a.Department, Table: a.Table, Person: a.Person, Purpose: a.Purpose, Rho: a.Rho}
		if p := s.Policy(out[i].Department, a.Table); p != nil {
			out[i].Most, out[i].Delta = p.Disclosure.Budget, p.Disclosure.Delta
			c := policy.Cost{Price: p.Disclosure.Rho(), Spent: a.Rho, Budget: p.Disclosure.Budget, Delta: p.Disclosure.Delta}
			if c.Budget > 0 {
				out[i].Left = c.Left()
			}
		}
		out[i].Epsilon = privacy.Epsilon(a.Rho, max(1, out[i].Delta))
	}
	return out
}

// checkAccounts holds what a snapshot's accounts must be.
func checkAccounts(accounts []*account) bool {
	counts := map[string]int{}
	if len(accounts) > MaxAllAccounts {
		return false
	}
	for _, a := range accounts {
		if a == nil || a.Rho <= 0 || a.Rho > maxSpent || !lines(a.Department, a.Table, a.Purpose) {
			return false
		}
		if counts[a.Department]++; counts[a.Department] > MaxAccounts {
			return false
		}
	}
	return strictly(accounts, compareAccounts)
}

// lines reports whether texts are such as policies have for departments, tables and purposes.
func lines(texts ...string) bool {
	return !slices.ContainsFunc(texts, func(text string) bool { return policy.CheckPurpose(text, "") != nil })
}

// maxSpent is the most that any budget allows, in units of 10^-9 of ρ: ρ is never above ε.
const maxSpent = privacy.MaxEpsilon * (privacy.Nano / privacy.Micro)
