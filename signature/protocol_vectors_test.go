package signature_test

// protocolVectors is the table of the protocol reference, section 4.4:
// published examples (E), the SDKs' own tests (S, P, G) and our computations on
// the samples of the method's page (R). The bodies are made to give the signing
// strings.
var protocolVectors = []struct {
	name, key, body, signingString, signature string
}{
	{
		"E1 Payment Page doc example",
		"secret",
		`{"close_on_missclick": true, "customer_first_name": "Jack", "customer_id": "user007", "customer_last_name": "Sparrow", "customer_phone": "02081234567", "payment_amount": 2035, "payment_currency": "USD", "payment_description": "Guyliner purchase", "payment_id": "X03936", "project_id": 12345, "signature": ""}`,
		"close_on_missclick:1;customer_first_name:Jack;customer_id:user007;customer_last_name:Sparrow;customer_phone:02081234567;payment_amount:2035;payment_currency:USD;payment_description:Guyliner purchase;payment_id:X03936;project_id:12345",
		"SyA3cx/dmFrwjRcpbnwEK9zaklWKR9buIfTctQob/EHUTutFLpI0zWpSDFEWEwbZt/04i83395RCdEhtUMw83A==",
	},
	{
		"E2 Gate doc example",
		"secret",
		`{"customer": {"address": "Downing str., 23", "email": "johndoe@mycompany.com", "first_name": "John", "id": "585741", "identify": {"doc_number": "54122312544"}, "ip_address": "111.222.333.444", "last_name": "Doe"}, "general": {"payment_id": "id_38202316", "project_id": 3254, "signature": ""}, "payment": {"amount": 10800, "currency": "USD", "description": "Computer keyboards"}, "receipt_data": {"positions": [{"amount": 108, "description": "Computer keyboard", "quantity": 10}]}, "return_url": {"decline": "https://paymentpage.mycompany.com/complete-redirect?id=decline", "success": "https://paymentpage.mycompany.com/complete-redirect?id=success"}}`,
		"customer:address:Downing str., 23;customer:email:johndoe@mycompany.com;customer:first_name:John;customer:id:585741;customer:identify:doc_number:54122312544;customer:ip_address:111.222.333.444;customer:last_name:Doe;general:payment_id:id_38202316;general:project_id:3254;payment:amount:10800;payment:currency:USD;payment:description:Computer keyboards;receipt_data:positions:0:amount:108;receipt_data:positions:0:description:Computer keyboard;receipt_data:positions:0:quantity:10;return_url:decline:https://paymentpage.mycompany.com/complete-redirect?id=decline;return_url:success:https://paymentpage.mycompany.com/complete-redirect?id=success",
		"VLLZzVNGevQNhr1b4TEhbC4qqHD17Kyn/M6FPNN93ttyk/amJgD/R6dayTKVvW6/QCRdq4hOf8R2w/xbUa8f2w==",
	},
	{
		"E3 Data API doc example",
		"secret",
		`{"interval": {"from": "2020-01-01 14:53:55", "to": "2020-01-30 13:53:59"}, "limit": 3, "offset": 0, "project_id": [183], "token": "WKiarERJ5pcceNerpM9R5TNnyPTQMl", "tz": "Asia/Singapore", "signature": ""}`,
		"interval:from:2020-01-01 14:53:55;interval:to:2020-01-30 13:53:59;limit:3;offset:0;project_id:0:183;token:WKiarERJ5pcceNerpM9R5TNnyPTQMl;tz:Asia/Singapore",
		"Ini3aKje6aZskajTuRS761YOzVqierlVRafZdxIz48wmVnL7yxgy9vDsp7T2/LGPGHJ/DHoKOgP7VqObJALrUA==",
	},
	{
		"E4 callback doc example (correct signature)",
		"secret",
		`{"account": {"card_holder": "TEST TEST", "expiry_month": "01", "expiry_year": "2025", "number": "424242******4242", "token": "c8175453f68ec7c8fb3f052b8d786c661261efebcb91155327a6c7b8f8e66359", "type": "visa"}, "customer": {"id": "782572"}, "operation": {"code": "0", "created_date": "2023-03-10T12:26:15+0000", "date": "2023-03-10T12:26:17+0000", "id": 5028800010128225, "message": "Success", "provider": {"auth_code": "563253", "date": "2023-03-10T10:26:17+0000", "endpoint_id": 6, "id": 6, "payment_id": "16784511766816"}, "request_id": "1f6d3ac37444142f5bd27e7491faa360633fd5a2-fc98e73d475fa4cd6ee02fc6340c964f0267b3d8-05028801", "status": "success", "sum_converted": {"amount": 5200, "currency": "EUR"}, "sum_initial": {"amount": 5200, "currency": "EUR"}, "type": "sale"}, "payment": {"date": "2023-03-10T12:26:17+0000", "description": "", "id": "5242723", "method": "card", "status": "success", "sum": {"amount": 5200, "currency": "EUR"}, "type": "purchase"}, "project_id": 28051, "signature": ""}`,
		"account:card_holder:TEST TEST;account:expiry_month:01;account:expiry_year:2025;account:number:424242******4242;account:token:c8175453f68ec7c8fb3f052b8d786c661261efebcb91155327a6c7b8f8e66359;account:type:visa;customer:id:782572;operation:code:0;operation:created_date:2023-03-10T12:26:15+0000;operation:date:2023-03-10T12:26:17+0000;operation:id:5028800010128225;operation:message:Success;operation:provider:auth_code:563253;operation:provider:date:2023-03-10T10:26:17+0000;operation:provider:endpoint_id:6;operation:provider:id:6;operation:provider:payment_id:16784511766816;operation:request_id:1f6d3ac37444142f5bd27e7491faa360633fd5a2-fc98e73d475fa4cd6ee02fc6340c964f0267b3d8-05028801;operation:status:success;operation:sum_converted:amount:5200;operation:sum_converted:currency:EUR;operation:sum_initial:amount:5200;operation:sum_initial:currency:EUR;operation:type:sale;payment:date:2023-03-10T12:26:17+0000;payment:description:;payment:id:5242723;payment:method:card;payment:status:success;payment:sum:amount:5200;payment:sum:currency:EUR;payment:type:purchase;project_id:28051",
		"Y0qjN9dDnPTdddkVvXKS1pGp2z8ZpIl60P1CocND3YRxuBNx05ZMnhUaGFt90fPzgwsI/UpLw0q2RR/XTiDQBg==",
	},
	{
		"S1 SDK",
		"qwerty",
		`{"payment": {"id": "test-payment", "status": "success"}, "signature": ""}`,
		"payment:id:test-payment;payment:status:success",
		"UGzKT0NC26f4u0niyJSQPx5q3kFFIndwLXeJVXahfCFwbY+Svg1WoXIxzrIyyjWUSLFhT8wAQ5SfBDRHnwm6Yg==",
	},
	{
		"S2 SDK (bool, frame_mode dropped)",
		"qwerty",
		`{"payment": {"id": "test-payment", "status": "success"}, "some_bool_param": true, "frame_mode": "popup", "signature": ""}`,
		"payment:id:test-payment;payment:status:success;some_bool_param:1",
		"TZS0J65ReNUMgKzeXUey9xOGGyC7r4OhsFXt/3H8XZM2Le8Wot2E1NIjeSPOyV1F3sUU6F3kfo9om2dhbe3ieA==",
	},
	{
		"S4 SDK (array, null)",
		"qwerty",
		`{"errors": [{"code": "123", "description": ["description-str", "description1:1"], "message": "grand crash"}, {"code": "456", "description": null, "message": "minor crash"}], "payment": {"id": "test-payment"}, "signature": ""}`,
		"errors:0:code:123;errors:0:description:0:description-str;errors:0:description:1:description1:1;errors:0:message:grand crash;errors:1:code:456;errors:1:description:;errors:1:message:minor crash;payment:id:test-payment",
		"dxjnun8oySSl0CWlhhjy/k1V9CZcCtaHvu/Y5qJQbWHq8wd6TqTUt4bIfHrlWxT8ba9NOJfkgGHrGc5OgyQVGA==",
	},
	{
		"P1 PHP/JS SDK",
		"secret",
		`{"card": {"card_holder": "John Smith", "cvv": "123", "month": 8, "pan": "4242424242424242", "save": true, "year": 2020}, "customer": {"id": "sutm_id", "project_id": 0}, "signature": ""}`,
		"card:card_holder:John Smith;card:cvv:123;card:month:8;card:pan:4242424242424242;card:save:1;card:year:2020;customer:id:sutm_id;customer:project_id:0",
		"lY0LTSAzpR7zGce5qfYGacOuYlHGWqkMcQlqmjlsDDZI2gVcE1qVeWANnkIR7mdOqRXJnL1kO0lUmkQ0YYLWRg==",
	},
	{
		"P2 PHP callback",
		"secret",
		`{"payment": {"id": "000049", "status": "success"}, "signature": ""}`,
		"payment:id:000049;payment:status:success",
		"/3TrhHVz9BHaLfgLyhoxO7dsQNzbzZa/TdO3pxQocXWwgVM6tGlzMLVfpOxFNTnkR9iiFVK/77ZedMcbkCjmng==",
	},
	{
		"G1 Go SDK",
		"qwerty",
		`{"payment_currency": "EUR", "project_id": 11, "some_bool_param": true, "two_levels_param": {"param1": "1", "param2": "2"}, "signature": ""}`,
		"payment_currency:EUR;project_id:11;some_bool_param:1;two_levels_param:param1:1;two_levels_param:param2:2",
		"ehwG+e+Sq6b0QEek2hmHGUFzViX9/Xfcgnh0Ysn1+AqCY8BsKhC/Vcyr4XH8CKXW3iS0vW9S2mTwOt/0Ozf5pg==",
	},
	{
		"R1 seed request, our computation",
		"secret",
		`{"account": {"number": "00004598"}, "customer": {"id": "customer123", "ip_address": "192.0.2.0"}, "general": {"payment_id": "test_payment", "project_id": 210, "signature": ""}, "payment": {"amount": 100000, "currency": "KGS"}}`,
		"account:number:00004598;customer:id:customer123;customer:ip_address:192.0.2.0;general:payment_id:test_payment;general:project_id:210;payment:amount:100000;payment:currency:KGS",
		"u9Gt5ENX5uH5sJPAiknW45ir2Ft1UTywQsY3LvxHKe79X3mBQzuumsBd5kADSH/v/zhuKn9x9M5DFEGVTqlXxA==",
	},
	{
		"E2b official example of the Russian page",
		"secret",
		`{"customer": {"address": "Downing str., 23", "email": "johndoe@example.com", "first_name": "John", "id": "585741", "identify": {"doc_number": "54122312544"}, "ip_address": "198.51.100.47", "last_name": "Doe"}, "general": {"payment_id": "id_38202316", "project_id": 3254, "signature": ""}, "payment": {"amount": 10800, "currency": "USD", "description": "Computer keyboards"}, "receipt_data": {"positions": [{"amount": 108, "description": "Computer keyboard", "quantity": 10}]}, "return_url": {"decline": "https://paymentpage.example.com/complete-redirect?id=decline", "success": "https://paymentpage.example.com/complete-redirect?id=success"}}`,
		"customer:address:Downing str., 23;customer:email:johndoe@example.com;customer:first_name:John;customer:id:585741;customer:identify:doc_number:54122312544;customer:ip_address:198.51.100.47;customer:last_name:Doe;general:payment_id:id_38202316;general:project_id:3254;payment:amount:10800;payment:currency:USD;payment:description:Computer keyboards;receipt_data:positions:0:amount:108;receipt_data:positions:0:description:Computer keyboard;receipt_data:positions:0:quantity:10;return_url:decline:https://paymentpage.example.com/complete-redirect?id=decline;return_url:success:https://paymentpage.example.com/complete-redirect?id=success",
		"lagSnuspAn+F6XkmQISqwtBg0PsiTy62fF9x33TM+278mnufIDZyi1yP0BQALuCxyikkIxIMbodBn2F8hMdRwA==",
	},
	{
		"R2 seed success callback as printed",
		"secret",
		`{"account": {"number": "ACC123******6789"}, "customer": {"id": "123"}, "decision": {"message": "T"}, "operation": {"code": "0", "created_date": "2025-02-13T14:59:24+0000", "date": "2025-02-13T14:59:31+0000", "id": 214, "message": "Success", "provider": {"auth_code": "", "id": 21432, "payment_id": ""}, "request_id": "2fbe5a03094681-00000001", "status": "success", "sum_converted": {"amount": 10000, "currency": "KGS"}, "sum_initial": {"amount": 10000, "currency": "KGS"}, "type": "payout"}, "payment": {"date": "2025-02-13T14:59:31+0000", "description": "", "id": "ORDER_ID_155930150", "method": "Bank transfer Kyrgyzstan", "status": "success", "sum": {"amount": 100000, "currency": "KGS"}, "type": "payout"}, "project_id": 438385, "signature": ""}`,
		"account:number:ACC123******6789;customer:id:123;decision:message:T;operation:code:0;operation:created_date:2025-02-13T14:59:24+0000;operation:date:2025-02-13T14:59:31+0000;operation:id:214;operation:message:Success;operation:provider:auth_code:;operation:provider:id:21432;operation:provider:payment_id:;operation:request_id:2fbe5a03094681-00000001;operation:status:success;operation:sum_converted:amount:10000;operation:sum_converted:currency:KGS;operation:sum_initial:amount:10000;operation:sum_initial:currency:KGS;operation:type:payout;payment:date:2025-02-13T14:59:31+0000;payment:description:;payment:id:ORDER_ID_155930150;payment:method:Bank transfer Kyrgyzstan;payment:status:success;payment:sum:amount:100000;payment:sum:currency:KGS;payment:type:payout;project_id:438385",
		"1fLOieSJiEumdNq5NpgNmNyVwYFkN0XsYI6+yDr0pdUUyjvUgmchcradKt0SRrDahhseH1RE56ovE/CxKE0//Q==",
	},
	{
		"R3 seed decline callback as printed",
		"secret",
		`{"account": {"number": "ACC123******6789"}, "customer": {"id": "123"}, "decision": {"message": "T"}, "operation": {"code": "20000", "created_date": "2025-02-13T15:01:05+0000", "date": "2025-02-13T15:01:12+0000", "id": 223, "message": "General decline", "provider": {"auth_code": "", "id": 21432, "payment_id": ""}, "request_id": "f9b853dc27f53e51f5d1-00000001", "status": "decline", "sum_converted": {"amount": 33200, "currency": "KGS"}, "sum_initial": {"amount": 33200, "currency": "KGS"}, "type": "payout"}, "payment": {"date": "2025-02-13T15:01:12+0000", "description": "", "id": "ORDER_ID_232580020", "method": "Bank transfer Kyrgyzstan", "status": "decline", "sum": {"amount": 33200, "currency": "KGS"}, "type": "payout"}, "project_id": 438385, "signature": ""}`,
		"account:number:ACC123******6789;customer:id:123;decision:message:T;operation:code:20000;operation:created_date:2025-02-13T15:01:05+0000;operation:date:2025-02-13T15:01:12+0000;operation:id:223;operation:message:General decline;operation:provider:auth_code:;operation:provider:id:21432;operation:provider:payment_id:;operation:request_id:f9b853dc27f53e51f5d1-00000001;operation:status:decline;operation:sum_converted:amount:33200;operation:sum_converted:currency:KGS;operation:sum_initial:amount:33200;operation:sum_initial:currency:KGS;operation:type:payout;payment:date:2025-02-13T15:01:12+0000;payment:description:;payment:id:ORDER_ID_232580020;payment:method:Bank transfer Kyrgyzstan;payment:status:decline;payment:sum:amount:33200;payment:sum:currency:KGS;payment:type:payout;project_id:438385",
		"p2fM0aQiYvHAafcD2fBe2Mw78O2oPAOjXibkMk6Zja6+ScUotHZhblCO6HN8pF7bjRVysGpwCcUs+h8/XVlLNQ==",
	},
}
