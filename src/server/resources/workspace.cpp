#include "dspy/server/resources/workspace.hpp"

#include "dspy/base/error.hpp"
#include "server/keys/key_text.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <format>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace dspy::server {

namespace fs = std::filesystem;

bool is_entry_name(std::string_view name) {
  constexpr std::size_t longest = 128;
  return !name.empty() && name.size() <= longest && name[0] != '.' && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
           c == '.';
  });
}

fs::path Workspace::of(std::string_view tenant) const {
  if (tenant.empty()) return folder_;
  if (!is_tenant(tenant)) throw Error(Errc::bad_input, "a tenant is up to 64 letters, digits, `-` and `_`");
  return folder_ / "tenants" / tenant;
}

fs::path Workspace::path(std::string_view tenant, std::string_view kind, std::string_view id,
                         std::string_view ending) const {
  if (!is_entry_name(id)) {
    throw Error(Errc::bad_input,
                std::format("a name in {} is up to 128 letters, digits, `-`, `_` and `.`, and does not "
                            "begin with a `.`",
                            kind));
  }
  return of(tenant) / kind / (std::string(id) + std::string(ending));
}

std::vector<WorkspaceEntry> Workspace::list(std::string_view tenant, std::string_view kind,
                                            std::string_view ending) const {
  std::vector<WorkspaceEntry> out;
  std::error_code code;
  for (const auto& each : fs::directory_iterator(of(tenant) / kind, code)) {
    std::error_code unreadable;
    const bool fits = ending.empty() ? each.is_directory(unreadable) : each.is_regular_file(unreadable);
    const auto name = each.path().filename().string();
    if (!fits || unreadable || !name.ends_with(ending)) continue;
    const auto id = name.substr(0, name.size() - ending.size());
    if (is_entry_name(id)) out.push_back({.id = id, .path = each.path()});
  }
  std::ranges::sort(out, {}, &WorkspaceEntry::id);
  return out;
}

fs::path default_workspace() {
  if (const auto* const named = std::getenv("DSPY_DATA"); named != nullptr && *named != '\0') return named;
  const auto* const home = std::getenv("HOME");
  return fs::path(home != nullptr ? home : ".") / ".local/share/dspy";
}

}  // namespace dspy::server
