#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace dspy {

/// How text between tags is written.
enum class XmlText : std::uint8_t {
  entities,  ///< `&` and `<` as `&amp;` and `&lt;`; CDATA anywhere.
  literal,   ///< Letter by letter. Only a body that is CDATA as a whole is what that holds.
};

/// Appends a text with `&` and `<` as entities.
void append_escaped_xml(std::string& out, std::string_view text);

/// Appends a text with `&lt; &gt; &amp; &quot; &apos;` and `&#…;` replaced by their characters; any other `&` stays.
void append_unescaped_xml(std::string& out, std::string_view text);

/// The same for a text that may hold CDATA sections, in which nothing is escaped.
void append_xml_text(std::string& out, std::string_view text);

/// The size of the entity that `text` begins with; 0 if it begins with none.
std::size_t entity_size(std::string_view text);

/// Appends a character as `&#…;`.
void append_numeric_entity(std::string& out, char c);

inline constexpr std::string_view cdata_begin = "<![CDATA[";
inline constexpr std::string_view cdata_end = "]]>";

/// How long the CDATA section is that begins at `at`; 0 if none does, or it does not end.
std::size_t cdata_size(std::string_view text, std::size_t at) noexcept;

/// How long the CDATA sections are that begin at `at` and follow each other directly.
std::size_t cdata_run_size(std::string_view text, std::size_t at) noexcept;

/// Appends a text as CDATA, in several sections if it holds `]]>`.
void append_cdata(std::string& out, std::string_view text);

/// Appends what such sections hold.
void append_cdata_content(std::string& out, std::string_view sections);

}  // namespace dspy
