#include "retrieve/remote/postgres/postgres_uri.hpp"

#include "dspy/base/error.hpp"
#include "dspy/base/secret.hpp"

#include <algorithm>
#include <format>
#include <string>
#include <string_view>
#include <utility>

namespace dspy::remote {
namespace {

[[noreturn]] void refuse(std::string_view why) {
  throw Error(
      Errc::config_error,
      std::format("the URI of the postgres store {}; write `postgres://user@host:5432/database?table=passages`", why));
}

bool is_plain(std::string_view name) {
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  };
  return !name.empty() && name.size() <= 63 && std::ranges::all_of(name, fits);
}

std::string quoted(std::string_view table) {
  const auto dot = table.find('.');
  const auto schema = dot == std::string_view::npos ? std::string_view() : table.substr(0, dot);
  const auto name = table.substr(dot == std::string_view::npos ? 0 : dot + 1);
  if (!is_plain(name) || (dot != std::string_view::npos && !is_plain(schema)))
    refuse("needs a table's name of letters, digits and `_`, at most 63, with a schema before a dot if need be");
  return schema.empty() ? std::format("\"{}\"", name) : std::format("\"{}\".\"{}\"", schema, name);
}

}  // namespace

PostgresUri read_postgres_uri(std::string_view uri) {
  if (!uri.starts_with("postgres://") && !uri.starts_with("postgresql://")) refuse("has no `postgres://`");
  const auto question = std::min(uri.find('?'), uri.size());
  std::string address(uri.substr(0, question));
  auto query = uri.substr(std::min(question + 1, uri.size()));
  PostgresUri out{.table = "\"passages\""};
  char between = '?';
  while (!query.empty()) {
    const auto end = std::min(query.find('&'), query.size());
    const auto pair = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    if (pair.starts_with("table=")) {
      out.table = quoted(pair.substr(6));
    } else if (pair.starts_with("index=")) {
      if (pair != "index=hnsw" && pair != "index=none") refuse("has an unknown `index`; there is hnsw and none");
      out.wants_index = pair == "index=hnsw";
    } else {
      address += between;
      address += pair;
      between = '&';
    }
  }
  if (!address.contains("connect_timeout=")) address += std::format("{}connect_timeout=10", between);
  out.address = Secret(std::move(address));
  return out;
}

}  // namespace dspy::remote
