#pragma once

#include <map>
#include <string>
#include <string_view>

namespace dspy::mock {

/// With %41 and + taken back; what is wrong stays as it is.
std::string percent_decoded(std::string_view text);

/// `a=1&b=2`
std::map<std::string, std::string> parse_query(std::string_view text, char between = '&');

}  // namespace dspy::mock
