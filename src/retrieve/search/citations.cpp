#include "dspy/retrieve/search/citations.hpp"

#include "dspy/base/json.hpp"
#include "dspy/base/text.hpp"
#include "dspy/base/unicode.hpp"
#include "dspy/retrieve/documents/chunk.hpp"
#include "dspy/retrieve/passage.hpp"
#include "dspy/signature/media.hpp"
#include "retrieve/search/single_blanks.hpp"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <format>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dspy {
namespace {

/// A sentence without its marks, and the marks.
struct Statement {
  std::string text = {};
  std::vector<std::size_t> marks = {};
};

/// The numbers of `[1, 3]` at the start of `text`, and how long the mark is; nothing if there is none.
std::optional<std::pair<std::vector<std::size_t>, std::size_t>> mark_at(std::string_view text) {
  if (!text.starts_with('[')) return {};
  const auto end = text.find(']');
  if (end == std::string_view::npos || end < 2 || end > 40) return {};
  std::vector<std::size_t> numbers;
  for (auto rest = text.substr(1, end - 1); !rest.empty();) {
    const auto comma = std::min(rest.find(','), rest.size());
    const auto digits = text::trim(rest.substr(0, comma));
    std::size_t number = 0;
    const auto [last, code] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (code != std::errc() || last != digits.data() + digits.size() || number == 0) return {};
    numbers.push_back(number);
    rest.remove_prefix(std::min(comma + 1, rest.size()));
  }
  return std::pair{std::move(numbers), end + 1};
}

/// Takes the marks out of a sentence.
Statement without_marks(std::string_view sentence) {
  Statement out;
  for (std::size_t at = 0; at < sentence.size();) {
    const auto mark = mark_at(sentence.substr(at));
    if (!mark) {
      out.text += sentence[at++];
      continue;
    }
    while (out.text.ends_with(' ')) out.text.pop_back();
    for (const auto number : mark->first)
      if (!std::ranges::contains(out.marks, number)) out.marks.push_back(number);
    at += mark->second;
  }
  out.text = std::string(text::trim(out.text));
  return out;
}

bool has_words(std::string_view text) {
  return std::ranges::any_of(text::code_points(text), text::is_letter_or_number);
}

/// Sentences with their marks; marks after a full stop belong to the sentence before it.
std::vector<Statement> statements(std::string_view answer) {
  std::vector<Statement> out;
  for (const auto& span : sentences(answer)) {
    auto sentence = text::trim(span.text_in(answer));
    if (!out.empty()) {  // marks at the start
      while (const auto mark = mark_at(sentence)) {
        out.back().marks.insert(out.back().marks.end(), mark->first.begin(), mark->first.end());
        sentence = text::trim(sentence.substr(mark->second));
      }
    }
    auto statement = without_marks(sentence);
    if (has_words(statement.text)) {
      out.push_back(std::move(statement));
    } else if (!out.empty()) {
      out.back().marks.insert(out.back().marks.end(), statement.marks.begin(), statement.marks.end());
    }
  }
  for (auto& each : out) {
    std::vector<std::size_t> once;
    for (const auto mark : each.marks)
      if (!std::ranges::contains(once, mark)) once.push_back(mark);
    each.marks = std::move(once);
  }
  return out;
}

/// Words of four letters and more, and numbers; all words of a text that has none of these.
std::set<std::u32string> words_of(std::string_view text, bool all) {
  std::set<std::u32string> out;
  std::u32string word;
  const auto end_word = [&] {
    const bool is_number =
        !word.empty() && std::ranges::all_of(word, [](char32_t c) { return c >= U'0' && c <= U'9'; });
    if (!word.empty() && (all || is_number || word.size() >= 4)) out.insert(word);
    word.clear();
  };
  for (const auto point : text::to_lower(text::code_points(text))) {
    if (text::is_letter_or_number(point) || text::is_mark(point)) {
      word += point;
    } else {
      end_word();
    }
  }
  end_word();
  return out;
}

double support_of(std::string_view statement, std::string_view passage) {
  auto wanted = words_of(statement, false);
  if (wanted.empty()) wanted = words_of(statement, true);
  if (wanted.empty()) return 0;
  const auto there = words_of(passage, true);
  const auto found = std::ranges::count_if(wanted, [&](const auto& word) { return there.contains(word); });
  return static_cast<double>(found) / static_cast<double>(wanted.size());
}

/// What stands between quotation marks, three words and more: shorter ones are names.
std::vector<std::string> quotes_in(std::string_view statement) {
  std::vector<std::string> out;
  constexpr std::pair<std::string_view, std::string_view> pairs[] = {{"\"", "\""}, {"“", "”"}, {"„", "“"}, {"«", "»"}};
  for (const auto& [open, close] : pairs) {
    for (auto at = statement.find(open); at != std::string_view::npos;) {
      const auto begin = at + open.size();
      const auto end = statement.find(close, begin);
      if (end == std::string_view::npos) break;
      auto quote = single_blanks(statement.substr(begin, end - begin));
      if (std::ranges::count(quote, ' ') >= 2) out.push_back(std::move(quote));
      at = statement.find(open, end + close.size());
    }
  }
  return out;
}

std::optional<std::size_t> number_at(const JsonObject& metadata, std::string_view name) {
  const auto* const value = metadata.if_contains(name);
  if (value == nullptr || !value->is_number()) return {};
  return value->to_number<std::size_t>();
}

SourceCitation cited(const Statement& statement, std::size_t mark, std::size_t index, const std::vector<Hit>& hits) {
  SourceCitation out{.statement = statement.text, .mark = mark};
  if (index >= hits.size()) return out;
  const auto& passage = hits[index].passage;
  out.passage = index;
  out.support = support_of(statement.text, passage.text);
  const auto there = single_blanks(passage.text);
  for (auto& quote : quotes_in(statement.text))
    if (!there.contains(quote)) out.misquoted.push_back(std::move(quote));
  out.source = passage.source;
  out.begin = passage.begin;
  out.end = passage.end;
  out.line = number_at(passage.metadata, "line");
  out.last_line = number_at(passage.metadata, "last_line");
  return out;
}

std::string place(const std::string& source, std::optional<std::size_t> line, std::optional<std::size_t> last) {
  if (!line) return source;
  return last && *last > *line ? std::format("{}:{}-{}", source, *line, *last) : std::format("{}:{}", source, *line);
}

}  // namespace

CitedAnswer check_citations(std::string_view answer, const std::vector<Hit>& hits, const CitationOptions& options) {
  CitedAnswer out{.is_supported = true};
  std::size_t count = 0;
  for (const auto& statement : statements(answer)) {
    ++count;
    bool is_supported = false;
    for (const auto mark : statement.marks) {
      const auto& citation = out.citations.emplace_back(cited(statement, mark, mark - 1, hits));
      const bool is_fine = citation.passage && citation.support >= options.least_support && citation.misquoted.empty();
      is_supported = is_supported || is_fine;
      out.is_supported = out.is_supported && is_fine;
    }
    if (statement.marks.empty() && options.finds_unmarked) {
      std::optional<SourceCitation> best;
      for (std::size_t i = 0; i < hits.size(); ++i) {
        auto candidate = cited(statement, 0, i, hits);
        if (candidate.support >= options.least_support && (!best || candidate.support > best->support))
          best = std::move(candidate);
      }
      if (best) {
        is_supported = best->misquoted.empty();
        out.citations.push_back(*std::move(best));
      }
    }
    if (!is_supported) out.uncited.push_back(statement.text);
  }
  out.is_supported = out.is_supported && count > 0 && out.uncited.empty();
  return out;
}

Citations to_citations(const CitedAnswer& answer, const std::vector<Hit>& hits) {
  Citations out;
  for (const auto& each : answer.citations) {
    if (!each.passage) continue;
    const auto& text = hits.at(*each.passage).passage.text;
    out.citations.push_back({.cited_text = text,
                             .document_index = *each.passage,
                             .document_title = each.source,
                             .start_char_index = 0,
                             .end_char_index = text::code_points(text).size(),
                             .supported_text = each.statement});
  }
  return out;
}

std::string place_of(const SourceCitation& citation) {
  return place(citation.source, citation.line, citation.last_line);
}

std::string place_of(const Passage& passage) {
  return place(passage.source, number_at(passage.metadata, "line"), number_at(passage.metadata, "last_line"));
}

}  // namespace dspy
