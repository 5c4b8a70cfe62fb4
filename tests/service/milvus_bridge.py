"""The part of Milvus' REST interface (version 2) that our store speaks, over milvus-lite, which speaks gRPC alone.

Filters, schemas and searches are Milvus' own; what this file adds are the names of fields in JSON.

    python milvus_bridge.py PORT FOLDER
"""

import http.server
import json
import sys

from pymilvus import DataType, MilvusClient, MilvusException

NO_SUCH_COLLECTION = 100


class Bridge:
    def __init__(self, folder):
        self.client = MilvusClient(f"{folder}/milvus.db")

    def answer(self, path, body):
        name = body["collectionName"]
        if path == "/collections/create":
            return self.create(name, body)
        if not self.client.has_collection(name):
            return {"code": NO_SUCH_COLLECTION, "message": f"can't find collection {name}"}
        return {
            "/collections/describe": self.describe,
            "/entities/upsert": self.upsert,
            "/entities/delete": self.delete,
            "/entities/search": self.search,
            "/entities/query": self.query,
        }[path](name, body)

    def create(self, name, body):
        schema = self.client.create_schema(auto_id=False, enable_dynamic_field=False)
        for field in body["schema"]["fields"]:
            options = {key: int(value) for key, value in field["elementTypeParams"].items()}
            if "elementDataType" in field:
                options["element_type"] = DataType[field["elementDataType"].upper()]
            kind = {"FloatVector": "FLOAT_VECTOR"}.get(field["dataType"], field["dataType"].upper())
            schema.add_field(field["fieldName"], DataType[kind], is_primary=field.get("isPrimary", False), **options)
        indexes = self.client.prepare_index_params()
        for index in body["indexParams"]:
            indexes.add_index(
                field_name=index["fieldName"],
                index_name=index["indexName"],
                index_type=index["indexType"],
                metric_type=index["metricType"],
                params=index.get("params", {}),
            )
        self.client.create_collection(
            name, schema=schema, index_params=indexes, consistency_level=body["params"]["consistencyLevel"]
        )
        return {"code": 0, "data": {}}

    def describe(self, name, body):
        fields = []
        for field in self.client.describe_collection(name)["fields"]:
            parameters = [{"key": key, "value": str(value)} for key, value in field.get("params", {}).items()]
            fields.append({"name": field["name"], "type": DataType(field["type"]).name, "params": parameters})
        metric = self.client.describe_index(name, "vector")["metric_type"]
        return {"code": 0, "data": {"fields": fields, "indexes": [{"fieldName": "vector", "metricType": metric}]}}

    def upsert(self, name, body):
        self.client.upsert(name, body["data"])
        return {"code": 0, "data": {"upsertCount": len(body["data"])}}

    def delete(self, name, body):
        self.client.delete(name, filter=body["filter"])
        return {"code": 0, "data": {}}

    def search(self, name, body):
        hits = self.client.search(
            name,
            data=body["data"],
            anns_field=body["annsField"],
            filter=body["filter"],
            limit=body["limit"],
            output_fields=body["outputFields"],
        )
        return {"code": 0, "data": [{"distance": hit["distance"], **hit["entity"]} for hit in hits[0]]}

    def query(self, name, body):
        limit = {"limit": body["limit"]} if "limit" in body else {}
        rows = self.client.query(name, filter=body["filter"], output_fields=body["outputFields"], **limit)
        return {"code": 0, "data": [dict(row) for row in rows]}


class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        try:
            answer = self.server.bridge.answer(self.path.removeprefix("/v2/vectordb"), body)
        except MilvusException as error:
            answer = {"code": error.code or 65535, "message": error.message}
        text = json.dumps(answer, default=float).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    server = http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Handler)
    server.bridge = Bridge(sys.argv[2])
    server.serve_forever()
