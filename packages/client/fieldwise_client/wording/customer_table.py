"""The words around what is known of a customer, English and Chinese; both sides take the same arguments. Nothing else."""

from __future__ import annotations

from collections.abc import Mapping

from fieldwise_client.wording.table import Words

STAGES: Mapping[str, Words] = {
    "UNSPECIFIED": Words("NOTHING TO SAY", "暂无画像"),
    "PROSPECT": Words("PROSPECT", "潜在客户"),
    "NEW": Words("NEW", "新客户"),
    "ACTIVE": Words("ACTIVE", "活跃"),
    "SILENT": Words("SILENT", "沉默"),
}

TRAITS: Mapping[str, Words] = {
    "stage": Words("stage", "阶段"),
    "favourite_category": Words("favourite category", "最常购买品类"),
    "intent_category": Words("looks for", "正在关注"),
    "usual_channel": Words("usual channel", "常用渠道"),
    "usual_hour": Words("usual hour (UTC)", "常购时段（UTC）"),
    "rhythm": Words("rhythm", "购买节奏"),
    "value_tier": Words("value", "价值层级"),
    "next_category": Words("likely next", "下次可能购买"),
    "discount_share": Words("bought at a discount", "折扣购买占比"),
    "satisfaction_csat": Words("satisfaction (CSAT)", "满意度（CSAT）"),
    "satisfaction_nps": Words("would recommend (NPS)", "推荐意愿（NPS）"),
    "last_rating": Words("last rating", "最近评分"),
    "lost_probability": Words("lost for good", "已流失概率"),
    "waiting_probability": Words("only pausing", "暂停购买概率"),
    "open_cases": Words("open service cases", "未结服务单"),
}

# Values of traits that are words of ours; others, such as categories, are the company's own.
VALUES: Mapping[str, Words] = {
    "prospect": Words("prospect", "潜在客户"),
    "new": Words("new", "新客户"),
    "active": Words("active", "活跃"),
    "silent": Words("silent", "沉默"),
    "low": Words("low", "低"),
    "middle": Words("middle", "中"),
    "high": Words("high", "高"),
    "store": Words("store", "门店"),
    "web": Words("web", "网站"),
    "app": Words("app", "应用"),
    "call": Words("call", "电话"),
    "email": Words("e-mail", "邮件"),
    "mail": Words("mail", "邮寄"),
    "sms": Words("text message", "短信"),
    "social": Words("social media", "社交媒体"),
    "visit": Words("visit", "拜访"),
}

ISSUES: Mapping[str, Words] = {
    "NO_PURCHASE": Words("no purchase yet", "尚无购买"),
    "FEW_PURCHASE_DAYS": Words("few purchase days", "购买天数少"),
    "UNKNOWN_CATEGORIES": Words("categories not known", "品类未知"),
    "STALE": Words("nothing new for long", "资料陈旧"),
}

NOISE: Mapping[str, Words] = {
    "ROBOT": Words("robots", "机器人"),
    "DOUBLE": Words("double clicks", "重复点击"),
    "MISCLICK": Words("misclicks", "误点"),
    "RATE": Words("impossible rates", "频率异常"),
    "METRONOME": Words("clockwork", "机械节奏"),
}

DIRECTIONS: Mapping[str, Words] = {"slower": Words("slower", "变慢"), "faster": Words("faster", "变快")}

CUSTOMER: Mapping[str, Words] = {
    "title": Words("Customer {customer}", "客户 {customer}"),
    "withheld": Words(
        "He has not consented to being looked at for this; only his name and what he refuses are shown.",
        "客户未同意此用途：仅显示名称与拒绝项。",
    ),
    "rhythm": Words(
        "buys every {gap} days; counts as silent after {silence}",
        "每 {gap} 天购买一次；超过 {silence} 天视为沉默",
    ),
    "bought": Words(
        "bought on {days} days for {spend} in all; last purchase {age} ago",
        "共 {days} 天有购买，合计 {spend}；上次购买 {age}前",
    ),
    "merged": Words("one person with", "与以下为同一人"),
    "canonical": Words("read under", "主名称"),
    "segment": Words("segment", "客群"),
    "static": Words("by age and gender", "按年龄性别"),
    "tags": Words("tags", "标签"),
    "opted_out": Words("asked not to be contacted", "要求不再联系"),
    "refused": Words("refuses", "拒绝渠道"),
    "assumed": Words(
        "consent for this purpose assumed: nobody has asked him about it", "此用途的许可为假定：尚未询问"
    ),
    "traits": Words("Traits", "特征"),
    "rests": Words("{count} events of {kinds}, newest {age} old", "依据 {count} 条（{kinds}），最新 {age}前"),
    "rests_on_days": Words(
        "{count} days with {kinds}, newest {age} old", "依据 {count} 天（{kinds}），最新 {age}前"
    ),
    "likely": Words("{share} likely", "{share}"),
    "interests": Words("Buys", "购买品类"),
    "interest": Words("{days} days, {spend}, last {age} ago", "{days} 天，{spend}，上次 {age}前"),
    "every": Words(", every {gap} days", "，每 {gap} 天"),
    "browsing": Words("Looks at", "浏览"),
    "browsed": Words(
        "intent {intent}: {views} views, {clicks} clicks, {searches} searches, last {age} ago",
        "意向 {intent}：浏览 {views}、点击 {clicks}、搜索 {searches}，上次 {age}前",
    ),
    "searched": Words("Searched for", "搜索词"),
    "channels": Words("Channels", "渠道"),
    "change": Words("Change", "变化"),
    "changed": Words(
        "{direction} since {since} (evidence {evidence}; told from 1 on)",
        "自 {since} 起{direction}（证据 {evidence}，达到 1 即提示）",
    ),
    "unchanged": Words(
        "none to see (evidence {evidence}; told from 1 on)", "未见变化（证据 {evidence}，达到 1 才提示）"
    ),
    "next": Words("In 28 days", "28 天后"),
    "plain": Words("Known plainly", "明文资料"),
    "born": Words("born {day}", "生日 {day}"),
    "year_band": Words("{year} or up to four years later", "{year} 年起五年内出生"),
    "gender": Words("gender {gender}", "性别 {gender}"),
    "place": Words("place {place}", "地区 {place}"),
    "consents": Words("Consents", "许可记录"),
    "granted": Words("granted", "同意"),
    "withdrawn": Words("withdrawn", "撤回"),
    "nobody_asked": Words("nobody has asked him anything", "尚未询问任何事项"),
    "quality": Words("Quality", "数据质量"),
    "score": Words("{score} of 1", "{score}（满分 1）"),
    "noise": Words("noise {share} of browsing", "浏览噪声 {share}"),
    "fields": Words("Fields", "字段"),
    "unknown_field": Words("not known", "未知"),
    "invalid_field": Words("wrong form", "格式错误"),
    "contradicted_field": Words("sources disagree", "来源不一致"),
    "fine_field": Words("fine", "正常"),
    "basis": Words("{count} events; the newest was known {age} ago", "共 {count} 条事件；最新于 {age}前获知"),
}
