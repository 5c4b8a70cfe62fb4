#include "retrieve/embedded/attributes.hpp"

#include "dspy/base/json.hpp"
#include "dspy/storage/database.hpp"
#include "retrieve/values.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace dspy::embedded {
namespace {

/// Of a list or an object: there, and no more.
constexpr char some_kind = 5;

std::int64_t field_of(Catalog& catalog, Fields& fields, std::string_view name) {
  if (const auto found = fields.find(std::string(name)); found != fields.end()) return found->second;
  const auto field = static_cast<std::int64_t>(fields.size() + 1);
  catalog.statement("INSERT INTO fields (field, name) VALUES (?1, ?2)").bind(1, field).bind_text(2, name).run();
  fields.emplace(name, field);
  return field;
}

class Evaluation {
 public:
  Evaluation(Catalog& catalog, const Fields& fields, const std::function<const Bitmap&()>& live)
      : catalog_(catalog), fields_(fields), live_(live) {}

  Bitmap rows(const Filter& filter) {
    using enum Filter::Op;
    switch (filter.op()) {
      case everything: return live_();
      case all: return intersection(filter);
      case any: {
        Bitmap out;
        for (const auto& part : filter.parts()) out |= rows(part);
        return out;
      }
      case negation: return without(rows(filter.parts().front()));
      default: return condition(filter);
    }
  }

 private:
  Bitmap intersection(const Filter& filter) {
    auto out = rows(filter.parts().front());
    for (std::size_t i = 1; i < filter.parts().size(); ++i) out &= rows(filter.parts()[i]);
    return out;
  }

  Bitmap without(const Bitmap& rows) {
    auto out = live_();
    out -= rows;
    return out;
  }

  Bitmap condition(const Filter& filter) {
    if (filter.field() == "id" || filter.field() == "text") return by_passage(filter);
    const auto field = fields_.find(filter.field());
    const auto id = field == fields_.end() ? 0 : field->second;
    using enum Filter::Op;
    switch (filter.op()) {
      case ne: return without(equal(id, 0, filter.value()));
      case in: return equal_to_one(id, filter.value().get_array());
      case nin: return without(equal_to_one(id, filter.value().get_array()));
      case exists: {
        auto there = between(id, 0, {}, {});
        return filter.value().get_bool() ? there : without(there);
      }
      case contains: {
        auto out = equal(id, 1, filter.value());
        if (filter.value().is_string()) out |= with_part(id, view(filter.value().get_string()));
        return out;
      }
      case eq: return equal(id, 0, filter.value());
      default: return ordered(id, filter.op(), value_key(filter.value()));
    }
  }

  Bitmap equal(std::int64_t field, int part, const Json& value) {
    return collect(catalog_.statement("SELECT row FROM attributes WHERE field=?1 AND part=?2 AND value=?3")
                       .bind(1, field)
                       .bind(2, std::int64_t{part})
                       .bind_bytes(3, value_key(value)));
  }

  Bitmap equal_to_one(std::int64_t field, const JsonArray& values) {
    Bitmap out;
    for (const auto& value : values) out |= equal(field, 0, value);
    return out;
  }

  /// `[from, to)`; without an end where `to` is empty.
  Bitmap between(std::int64_t field, int part, const std::string& from, const std::string& to) {
    const auto* const sql = to.empty() ? "SELECT row FROM attributes WHERE field=?1 AND part=?2 AND value>=?3"
                                       : "SELECT row FROM attributes WHERE field=?1 AND part=?2 AND value>=?3 AND "
                                         "value<?4";
    auto& found = catalog_.statement(sql).bind(1, field).bind(2, std::int64_t{part}).bind_bytes(3, from);
    if (!to.empty()) found.bind_bytes(4, to);
    return collect(found);
  }

  Bitmap ordered(std::int64_t field, Filter::Op op, const std::string& key) {
    // Nothing lies between a key and the key with a zero behind it.
    const auto next = key + '\0';
    const std::string first(1, key.front()), end(1, static_cast<char>(key.front() + 1));
    switch (op) {
      case Filter::Op::gt: return between(field, 0, next, end);
      case Filter::Op::gte: return between(field, 0, key, end);
      case Filter::Op::lt: return between(field, 0, first, key);
      default: return between(field, 0, first, next);
    }
  }

  Bitmap with_part(std::int64_t field, std::string_view part) {
    auto& found = catalog_.statement("SELECT row, value FROM attributes WHERE field=?1 AND part=0 AND value>=?2");
    found.bind(1, field).bind_bytes(2, std::string(1, text_kind));
    Bitmap out;
    while (found.step()) {
      const auto value = found.bytes(1);
      if (value.front() != text_kind) break;
      if (value.substr(1).contains(part)) out.add(static_cast<std::size_t>(found.integer(0)));
    }
    found.reset();
    return out;
  }

  /// What is in no index: the passages themselves are asked.
  Bitmap by_passage(const Filter& filter) {
    auto& found =
        catalog_.statement(filter.field() == "id" ? "SELECT row, id FROM passages" : "SELECT row, text FROM passages");
    Bitmap out;
    while (found.step()) {
      const JsonObject fields = {{filter.field(), found.bytes(1)}};
      if (filter.matches(fields)) out.add(static_cast<std::size_t>(found.integer(0)));
    }
    found.reset();
    return out;
  }

  static Bitmap collect(storage::Statement& found) {
    Bitmap out;
    while (found.step()) out.add(static_cast<std::size_t>(found.integer(0)));
    found.reset();
    return out;
  }

  Catalog& catalog_;
  const Fields& fields_;
  const std::function<const Bitmap&()>& live_;
};

}  // namespace

void each_attribute(const Passage& passage,
                    const std::function<void(std::string_view, int, const std::string&)>& visit) {
  const auto value_of = [](const Json& value) {
    auto key = value_key(value);
    return key.empty() ? std::string(1, some_kind) : key;
  };
  if (!passage.source.empty()) visit("source", 0, value_of(Json(passage.source)));
  for (const auto& member : passage.metadata) {
    visit(member.key(), 0, value_of(member.value()));
    if (const auto* const list = member.value().if_array())
      for (const auto& element : *list) visit(member.key(), 1, value_of(element));
  }
}

void add_attributes(Catalog& catalog, Fields& fields, std::int64_t row, const Passage& passage) {
  each_attribute(passage, [&](std::string_view name, int part, const std::string& value) {
    const auto field = field_of(catalog, fields, name);
    // A list may hold a value twice.
    catalog.statement("INSERT OR IGNORE INTO attributes (field, part, value, row) VALUES (?1, ?2, ?3, ?4)")
        .bind(1, field)
        .bind(2, std::int64_t{part})
        .bind_bytes(3, value)
        .bind(4, row)
        .run();
  });
}

void remove_attributes(Catalog& catalog, const Fields& fields, std::int64_t row, const Passage& passage) {
  each_attribute(passage, [&](std::string_view name, int part, const std::string& value) {
    const auto field = fields.find(std::string(name));
    if (field == fields.end()) return;
    catalog.statement("DELETE FROM attributes WHERE field=?1 AND part=?2 AND value=?3 AND row=?4")
        .bind(1, field->second)
        .bind(2, std::int64_t{part})
        .bind_bytes(3, value)
        .bind(4, row)
        .run();
  });
}

Bitmap rows_that_meet(const Filter& filter, Catalog& catalog, const Fields& fields,
                      const std::function<const Bitmap&()>& live) {
  return Evaluation(catalog, fields, live).rows(filter);
}

}  // namespace dspy::embedded
