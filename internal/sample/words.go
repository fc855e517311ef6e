package sample

import (
	"fmt"
	"time"
)

// The texts of descriptions, in Russian, Kyrgyz and English.
var (
	refundTexts = []string{"Возврат по заказу № %d", "№ %d буйрутма боюнча акча кайтаруу", "Refund of order %d"}
	sellerTexts = []string{"Выплата продавцу по заказу № %d", "№ %d буйрутма үчүн сатуучуга төлөм", "Payout to the seller, order %d"}
	wagesTexts  = []string{"Заработная плата за %s %d г.", "%[2]d-жыл, %[1]s айынын айлык акысы", "Wages for %s %d"}
	bonusTexts  = []string{"Премия по итогам %d г.", "%d-жылдын жыйынтыгы боюнча сыйлык", "Bonus for %d"}
	earlyTexts  = []string{"Аванс за %s %d г.", "%[2]d-жыл, %[1]s айынын авансы", "Advance for %s %d"}
)

var months = []string{"январь", "февраль", "март", "апрель", "май", "июнь", "июль", "август", "сентябрь", "октябрь", "ноябрь", "декабрь"}

func monthIn(language int, month time.Time) string {
	if language == 2 {
		return month.Month().String()
	}
	return months[month.Month()-1] // Russian and Kyrgyz share the names
}

func orderText(language, order int, seller bool) string {
	texts := refundTexts
	if seller {
		texts = sellerTexts
	}
	return fmt.Sprintf(texts[language], order)
}

func wagesText(language int, p payday) string {
	texts := wagesTexts
	if p.advance {
		texts = earlyTexts
	}
	return fmt.Sprintf(texts[language], monthIn(language, p.month), p.month.Year())
}

func bonusText(language, year int) string { return fmt.Sprintf(bonusTexts[language], year) }
