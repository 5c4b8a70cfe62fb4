#pragma once

#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace dspy::test {

/// Makes texts out of everything that some adapter's reader looks for: labels, markers, tags,
/// brackets, fences, escapes and control tokens, for signatures with the fields `question`,
/// `text`, `passages`, `answer`, `order_id` and `last`.
class TextMaker {
 public:
  explicit TextMaker(unsigned seed) : random_(seed) {}

  std::string text() {
    static const std::vector<std::string_view> parts = {
        "Answer:", "answer", "Order id:", "order_id :", "Question:", "**Answer:**", "- ", "# ", "> ", "\\", "\\\\",
        "\n", "\n", "\n", "```", "```py", "````", "`", " ", "\t", "x", "yes", ":", "{", "}", "\"", "\r\n", "<think>",
        "</think>", "é", "東", "none", "1", "_", "*", "[1] ", "\n\n", "：", "\xC2\xA0", "Label: y", "[]", "\v",
        // markers
        "[[ ## answer ## ]]", "[[ ## completed ## ]]", "[[ ## question ## ]]", "[[## Order_Id ##]]",
        "[\\[ ## text ## ]]", "[[ ## ", " ## ]]", "[[", "]]", "[", "]", "##", "[[ ## other ## ]]",
        "[\\\\[ ## answer ## ]]", "**[[ ## last ## ]]**",
        // tags
        "<answer>", "</answer>", "<text>", "</text>", "</question>", "<order_id>", "</order_id", "<", ">", "&", "&lt;",
        "&amp;", "&lt", "&#60;", "<answer/>", "<!--", "<![CDATA[", "]]>", "</last>", "<item>", "<Answer >",
        // control tokens
        "<|im_start|>", "<|im_end|>", "<|eot_id|>", "</s>", "[INST]",
        // JSON
        "{\"answer\": 1}", "\"answer\":", "'", ",", "\\\"", "\\u00e9", "\\n", "null", "true", "//", "#"};
    std::string out;
    for (auto left = random_() % 12; left > 0; --left) out += parts[random_() % parts.size()];
    return out;
  }

 private:
  std::mt19937 random_;
};

inline std::string_view trimmed(std::string_view text) {
  constexpr std::string_view space = " \t\r\n\v\f";
  const auto first = text.find_first_not_of(space);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(space) - first + 1);
}

}  // namespace dspy::test
