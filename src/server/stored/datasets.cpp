#include "dspy/base/error.hpp"
#include "dspy/base/json.hpp"
#include "dspy/base/tasks.hpp"
#include "dspy/server/iso_time.hpp"
#include "dspy/server/resources/resource.hpp"
#include "dspy/server/resources/services.hpp"
#include "server/stored/files/dataset_file.hpp"
#include "server/stored/files/file_time.hpp"
#include "server/stored/stored.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <format>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace dspy::server {
namespace {

constexpr std::size_t looked_at = 100;  // rows whose fields a list names

DatasetFile file_of(const ResourceServices& services, const ActionCall& call) {
  return {services.workspace, call.caller.tenant, call.id};
}

std::size_t row_input(const JsonObject& inputs) {
  const auto row = inputs.at("row").to_number<std::int64_t>();
  if (row < 0) throw Error(Errc::bad_input, "`row` is 0 or more");
  return static_cast<std::size_t>(row);
}

JsonArray fields_of(const std::vector<JsonObject>& rows) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < std::min(rows.size(), looked_at); ++i) {
    for (const auto& each : rows[i]) {
      if (std::ranges::find(names, each.key()) == names.end()) names.emplace_back(each.key());
    }
  }
  return JsonArray(names.begin(), names.end());
}

JsonObject described(const WorkspaceEntry& entry, const std::vector<JsonObject>& rows) {
  return {{"id", entry.id},
          {"name", entry.id},
          {"rows", rows.size()},
          {"fields", fields_of(rows)},
          {"changed_at", changed_at(entry.path)}};
}

std::vector<JsonObject> listed(const ResourceServices& services, const std::string& tenant) {
  std::vector<JsonObject> out;
  for (const auto& entry : services.workspace.list(tenant, "datasets", ".jsonl")) {
    const auto rows = attempt([&] { return DatasetFile(services.workspace, tenant, entry.id).rows(); });
    if (rows) {
      out.push_back(described(entry, *rows));
    } else {
      out.push_back(
          {{"id", entry.id}, {"name", entry.id}, {"problem", damaged("datasets", entry.id, rows.error()).what()}});
    }
  }
  return out;
}

/// Each row with its place, searched and filtered by its own fields.
ResourcePage rows_page(const ResourceServices& services, const std::string& id, ResourceQuery query) {
  const auto rows = DatasetFile(services.workspace, query.caller.tenant, id).rows();
  std::vector<ResourceField> fields = {{.name = "row", .type = "int", .is_sortable = true}};
  for (const auto& name : fields_of(rows))
    fields.push_back({.name = std::string(view(name.as_string())), .is_sortable = true, .is_searchable = true});
  std::vector<JsonObject> items;
  items.reserve(rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) {
    auto item = rows[i];
    item["row"] = i;
    items.push_back(std::move(item));
  }
  auto page = page_of(std::move(items), fields, query);
  for (auto& item : page.items) {
    const auto row = item["row"].to_number<std::size_t>();
    item = {{"row", row}, {"values", rows[row]}};
  }
  return page;
}

Json imported(const ResourceServices& services, const ActionCall& call, const std::string& name) {
  auto rows = parse_rows(text_input(call.inputs, "text"), optional_text(call.inputs, "format").value_or("jsonl"));
  if (rows.empty()) throw Error(Errc::bad_input, "there are no rows to import");
  const auto count = rows.size();
  DatasetFile file(services.workspace, call.caller.tenant, name);
  const bool is_new = !file.exists();
  file.add(std::move(rows), call.caller.key);
  tell(services, call.caller.tenant, "datasets", name, is_new ? "created" : "updated");
  return Json{{"dataset", name}, {"rows", count}};
}

std::string exported(const std::vector<JsonObject>& rows) {
  std::string out;
  for (const auto& row : rows) {
    append_text(out, Json(row));
    out += '\n';
  }
  return out;
}

Json add_row(DatasetFile& file, const ActionCall& call) {
  return Json{{"row", file.add(call.inputs.at("values").as_object(), call.caller.key)}};
}

Json edit_row(DatasetFile& file, const ActionCall& call) {
  const auto* const expected = call.inputs.if_contains("expected");
  const auto row = row_input(call.inputs);
  file.edit(row, call.inputs.at("values").as_object(), expected != nullptr ? &expected->as_object() : nullptr,
            call.caller.key);
  return Json{{"row", row}};
}

Json label_row(DatasetFile& file, const ActionCall& call) {
  const auto row = row_input(call.inputs);
  file.set(row, text_input(call.inputs, "field"), call.inputs.at("value"), call.caller.key);
  return Json{{"row", row}};
}

Json remove_row(DatasetFile& file, const ActionCall& call) {
  const auto row = row_input(call.inputs);
  file.remove(row, call.caller.key);
  return Json{{"removed", row}};
}

std::vector<ResourceAction> dataset_actions(const ResourceServices& services) {
  const auto changing = [services](auto work) {
    return [services, work](ActionCall call) {
      return on_cpu([services, work, call = std::move(call)]() -> Json {
        auto file = file_of(services, call);
        if (!file.exists()) throw not_there("datasets", call.id);
        Json out = work(file, call);
        tell(services, call.caller.tenant, "datasets", call.id, "updated");
        return out;
      });
    };
  };
  return {{.name = "add_row", .inputs = "values: dict[str, Any]", .run = changing(add_row)},
          {.name = "edit_row",
           .inputs = "row: int, values: dict[str, Any], expected: Optional[dict[str, Any]]",
           .run = changing(edit_row)},
          {.name = "label", .inputs = "row: int, field: str, value: Any", .run = changing(label_row)},
          {.name = "remove_row", .inputs = "row: int", .needs_confirmation = true, .run = changing(remove_row)},
          {.name = "import",
           .inputs = "name: str, text: str, format: Optional[Literal['jsonl', 'json']]",
           .on = ResourceAction::On::all,
           .run =
               [services](ActionCall call) {
                 return on_cpu([services, call = std::move(call)] {
                   return imported(services, call, text_input(call.inputs, "name"));
                 });
               }},
          {.name = "import",
           .inputs = "text: str, format: Optional[Literal['jsonl', 'json']]",
           .run =
               [services](ActionCall call) {
                 return on_cpu([services, call = std::move(call)] { return imported(services, call, call.id); });
               }},
          {.name = "export", .scope = "datasets:read", .run = [services](ActionCall call) {
             return on_cpu([services, call = std::move(call)]() -> Json {
               return Json{{"format", "jsonl"}, {"text", exported(file_of(services, call).rows())}};
             });
           }}};
}

}  // namespace

Resource datasets_resource(const ResourceServices& services) {
  std::vector<ResourceField> fields = {
      {.name = "id"},
      {.name = "name", .is_sortable = true, .is_searchable = true},
      {.name = "rows", .type = "int", .is_sortable = true},
      {.name = "fields", .type = "json", .is_searchable = true},
      {.name = "changed_at", .type = "datetime", .title = "Changed", .is_sortable = true},
      {.name = "problem"}};
  return {
      .name = "datasets",
      .fields = fields,
      .actions = dataset_actions(services),
      .parts = {{.name = "rows",
                 .list =
                     [services](std::string id, ResourceQuery query) {
                       return on_cpu([services, id = std::move(id), query = std::move(query)] {
                         return rows_page(services, id, query);
                       });
                     }}},
      .list =
          [services, fields](ResourceQuery query) {
            return on_cpu([services, fields, query = std::move(query)] {
              return page_of(listed(services, query.caller.tenant), fields, query);
            });
          },
      .get =
          [services](Caller caller, std::string id) {
            return on_cpu([services, caller = std::move(caller), id = std::move(id)]() -> std::optional<JsonObject> {
              const auto path = services.workspace.path(caller.tenant, "datasets", id, ".jsonl");
              const DatasetFile file(services.workspace, caller.tenant, id);
              if (!file.exists()) return std::nullopt;
              return described({.id = id, .path = path}, file.rows());
            });
          },
  };
}

}  // namespace dspy::server
