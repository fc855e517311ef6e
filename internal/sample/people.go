package sample

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
)

// person is somebody who is paid.
type person struct {
	id          string // the merchant's name for them
	first, last string // in Cyrillic
	account     string
	email       string
	phone       string
	ip          string
	latin       bool // the merchant sends the name in Latin letters
	language    int  // in which the merchant writes to them: a place in the lists of texts
}

var (
	men = []string{
		"Айбек", "Нурлан", "Бакыт", "Эрлан", "Тилек", "Азамат", "Данияр", "Кубанычбек", "Улан", "Мирлан", "Талант", "Жаныбек", "Самат",
		"Эмир", "Бектур", "Нурбек", "Чынгыз", "Санжар", "Максат", "Руслан", "Темирлан", "Алмаз", "Кайрат", "Сергей", "Андрей",
	}
	women = []string{
		"Айгүл", "Айпери", "Гүлнара", "Нургүл", "Жылдыз", "Бегимай", "Асель", "Мээрим", "Чолпон", "Айзада", "Назгүл", "Динара", "Жибек",
		"Элиза", "Салтанат", "Каныкей", "Бермет", "Жазгүл", "Перизат", "Венера", "Зарина", "Алтынай", "Гүлзат", "Анна", "Ольга",
	}
	families = []string{
		"Асанов", "Абдыкадыров", "Токтогулов", "Бекмурзаев", "Жумабаев", "Осмонов", "Сыдыков", "Турдубаев", "Исаков", "Мамытов",
		"Касымов", "Кадыров", "Эсенов", "Алиев", "Акматов", "Байтемиров", "Садыков", "Маматов", "Үсөнов", "Шаршеев", "Өмүралиев",
		"Борбиев", "Чотбаев", "Ибраимов", "Кыдыралиев", "Жээнбеков", "Тургунов", "Ормонов", "Сатыбалдиев", "Дүйшөев",
	}
	// The first three digits of an account tell its bank.
	bankDigits = []string{"101", "103", "105", "109", "118", "124", "125", "128", "129", "135"}
)

// newPeople makes n people with different numbers.
func newPeople(r *rand.Rand, kind string, n int) []*person {
	people := make([]*person, n)
	for i := range people {
		p := &person{id: fmt.Sprintf("%s-%05d", kind, i+1), latin: r.IntN(5) < 2, language: choose(r, []int{55, 30, 15})}
		family := families[r.IntN(len(families))]
		if r.IntN(2) == 0 {
			p.first, p.last = men[r.IntN(len(men))], family
		} else {
			p.first, p.last = women[r.IntN(len(women))], family+"а"
		}
		first, last := strings.ToLower(romanize(p.first)), strings.ToLower(romanize(p.last))
		p.account = newAccount(r)
		p.email = fmt.Sprintf("%s.%s%d@example.com", first, last, 1+r.IntN(99))
		p.phone = fmt.Sprintf("996100%06d", r.IntN(1_000_000))
		p.ip = []string{"192.0.2.", "198.51.100.", "203.0.113."}[r.IntN(3)] + strconv.Itoa(1+r.IntN(254))
		people[i] = p
	}
	return people
}

// names are the person's names as the merchant sends them.
func (p *person) names() (first, last string) {
	if p.latin {
		return romanize(p.first), romanize(p.last)
	}
	return p.first, p.last
}

// newAccount makes a number of the form that settlement accounts have: 3 digits of the bank, 11 inside it, and 2 that
// check them (package account).
func newAccount(r *rand.Rand) string {
	head := bankDigits[r.IntN(len(bankDigits))] + fmt.Sprintf("%011d", r.Int64N(100_000_000_000))
	n, _ := strconv.ParseInt(head, 10, 64) // fourteen digits
	return head + fmt.Sprintf("%02d", n%97)
}

// mistype changes one digit of an account number, which its check digits then do not fit.
func mistype(number string) string {
	const at = 8
	digit := '0' + (number[at]-'0'+1)%10
	return number[:at] + string(digit) + number[at+1:]
}

var latin = map[rune]string{
	'а': "a", 'б': "b", 'в': "v", 'г': "g", 'д': "d", 'е': "e", 'ё': "yo", 'ж': "zh", 'з': "z", 'и': "i", 'й': "i", 'к': "k", 'л': "l",
	'м': "m", 'н': "n", 'ң': "ng", 'о': "o", 'ө': "o", 'п': "p", 'р': "r", 'с': "s", 'т': "t", 'у': "u", 'ү': "u", 'ф': "f", 'х': "kh",
	'ц': "ts", 'ч': "ch", 'ш': "sh", 'щ': "shch", 'ъ': "", 'ы': "y", 'ь': "", 'э': "e", 'ю': "yu", 'я': "ya",
}

// romanize writes a Cyrillic name in Latin letters, as passports do.
func romanize(name string) string {
	var out strings.Builder
	for i, c := range strings.ToLower(name) {
		text := latin[c]
		if i == 0 && text != "" {
			text = strings.ToUpper(text[:1]) + text[1:]
		}
		out.WriteString(text)
	}
	return out.String()
}
