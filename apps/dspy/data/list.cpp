#include "data/data_commands.hpp"
#include "data/workspace_table.hpp"
#include "dspy/base/wait.hpp"
#include "dspy/server/resources/resource.hpp"
#include "dspy/server/resources/resource_table.hpp"
#include "dspy/server/resources/workspace.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <format>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace dspy::app {
namespace {

struct ListFlags {
  std::string folder;
  std::string resource;
  std::string id;
  std::string tenant;
  std::string text;
  std::string sort;
  std::vector<std::string> filters;
  std::size_t limit = 50;
  bool json = false;
};

server::ResourceQuery query_of(const ListFlags& flags) {
  server::ResourceQuery query{.caller = {.tenant = flags.tenant}, .text = flags.text, .limit = flags.limit};
  query.descending = flags.sort.starts_with('-');
  query.sort = flags.sort.substr(query.descending ? 1 : 0);
  for (const auto& filter : flags.filters) {
    const auto equals = filter.find('=');
    if (equals == std::string::npos)
      throw Error(Errc::bad_input, std::format("--where must be FIELD=VALUE, not `{}`", filter));
    query.filters[filter.substr(0, equals)] = filter.substr(equals + 1);
  }
  return query;
}

std::string cell(const JsonObject& item, const std::string& name) {
  constexpr std::size_t widest = 40;
  const auto* const value = item.if_contains(name);
  if (value == nullptr || value->is_null()) return "-";
  auto text = value->is_double() ? std::format("{:.4g}", value->get_double()) : shown(*value);
  std::ranges::replace(text, '\n', ' ');
  if (text.size() <= widest) return text;
  auto end = widest - 3;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
  return text.substr(0, end) + "...";
}

/// Columns that have a value somewhere.
void print_table(const std::vector<server::ResourceField>& fields, const std::vector<JsonObject>& items) {
  std::vector<std::pair<std::string, std::size_t>> columns;
  for (const auto& field : fields) {
    std::size_t width = 0;
    for (const auto& item : items) {
      if (item.contains(field.name)) width = std::max({width, cell(item, field.name).size(), field.name.size()});
    }
    if (width != 0) columns.emplace_back(field.name, width);
  }
  const auto line = [&](auto text_of) {
    std::string out;
    for (const auto& [name, width] : columns) out += std::format("{:<{}}  ", text_of(name), width);
    print_line(for_terminal(out.substr(0, out.find_last_not_of(' ') + 1)));
  };
  line([](const std::string& name) { return name; });
  for (const auto& item : items) line([&](const std::string& name) { return cell(item, name); });
}

/// What a server keeps in files of its own, before there is one.
bool is_not_yet_there(const server::ResourceTable& table, const std::string& name) {
  constexpr std::array known = {"traces", "feedback", "keys", "jobs"};
  return std::ranges::contains(known, name) &&
         std::ranges::none_of(table.all(), [&](const auto& resource) { return resource->name == name; });
}

int run_list(const ListFlags& flags) {
  const auto table = workspace_table(flags.folder);
  if (flags.resource.empty()) {
    for (const auto& resource : table.all()) print_line(resource->name);
    return exit_ok;
  }
  if (!flags.tenant.empty()) static_cast<void>(server::Workspace(flags.folder).of(flags.tenant));  // throws for no name
  if (is_not_yet_there(table, flags.resource)) {
    print_line(std::format("no {}", flags.resource));
    return exit_ok;
  }
  const auto& resource = table.at(flags.resource);
  if (!flags.id.empty()) {
    if (!resource.get) throw Error(Errc::bad_input, std::format("{} are listed only", resource.name));
    const auto found = wait(resource.get({.tenant = flags.tenant}, flags.id));
    if (!found) throw Error(Errc::bad_input, std::format("`{}` was not found in {}", flags.id, resource.name));
    print_line(to_pretty_text(Json(*found)));
    return exit_ok;
  }
  const auto page = wait(resource.list(query_of(flags)));
  if (flags.json) {
    for (const auto& item : page.items) print_json(item);
  } else if (page.items.empty()) {
    print_line(std::format("no {}", resource.name));
  } else {
    print_table(resource.fields, page.items);
    if (!page.next.empty())
      print_line(std::format("… more; see --limit{}", page.total ? std::format(" (there are {})", *page.total) : ""));
  }
  return exit_ok;
}

}  // namespace

void add_list(CLI::App& app, Plan& plan) {
  auto flags = std::make_shared<ListFlags>();
  flags->folder = server::default_workspace().string();
  auto* command = app.add_subcommand("list", "List what is stored: traces, runs, datasets, programs, keys, …");
  command->add_option("resource", flags->resource, "The resource; omit it to list the kinds");
  command->add_option("id", flags->id, "The whole of one");
  command->add_option("--workspace", flags->folder, "The folder")->envname("DSPY_DATA")->capture_default_str();
  command->add_option("--tenant", flags->tenant, "The tenant; omit it for the server's operator");
  command->add_option("-q,--text", flags->text, "Words that must be in it");
  command->add_option("--sort", flags->sort, "Sort by this field; `-FIELD` sorts in descending order");
  command->add_option("--where", flags->filters, "FIELD=VALUE");
  command->add_option("--limit", flags->limit)->check(CLI::Range(1, 1000))->capture_default_str();
  command->add_flag("--json", flags->json, "An object a line");
  command->callback([flags, &plan] { plan = [flags] { return run_list(*flags); }; });
  command->footer("Example:\n  dspy list traces -q refund --where status=error --sort -cost");
}

}  // namespace dspy::app
