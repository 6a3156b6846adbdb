//! The catalogue as JSON, for whoever lists event types: an API, a table in documentation.

use serde::{Serialize, Serializer, ser::SerializeStruct};

use super::{CatalogueEntry, Category, sample};
use crate::time::UnixSeconds;

/// The id in samples that are only to be looked at.
const SAMPLE_ID: &str = "evt_sample";

/// The time in them: that of OpenAI's own example.
const SAMPLE_TIME: UnixSeconds = UnixSeconds(1_750_287_018);

/// As its name ([`Category::as_str`]).
impl Serialize for Category {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// As an object with `name`, `category`, `description`, `subscribable`, `deprecated`, `fast_ageing`,
/// `object_kind`, `api_method` and `api_path` (both null where there is no call), and `sample`, a whole
/// event.
impl Serialize for CatalogueEntry {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let (method, path) = self.api_call().unzip();
        let mut object = serializer.serialize_struct("CatalogueEntry", 10)?;
        object.serialize_field("name", self.name)?;
        object.serialize_field("category", &self.category)?;
        object.serialize_field("description", self.description)?;
        object.serialize_field("subscribable", &self.subscribable)?;
        object.serialize_field("deprecated", &self.deprecated)?;
        object.serialize_field("fast_ageing", &self.fast_ageing)?;
        object.serialize_field("object_kind", &self.object_kind())?;
        object.serialize_field("api_method", &method.as_ref().map(http::Method::as_str))?;
        object.serialize_field("api_path", &path)?;
        object.serialize_field("sample", &sample::envelope(self, SAMPLE_ID, SAMPLE_TIME))?;
        object.end()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::{Event, catalogue};

    #[test]
    fn an_entry_is_an_object_in_a_fixed_order() {
        let text = serde_json::to_string(catalogue::find("eval.run.canceled").unwrap()).unwrap();
        let expected = r#"{"name":"eval.run.canceled","category":"eval","description":"An eval run was cancelled.","subscribable":true,"deprecated":false,"fast_ageing":false,"object_kind":"eval_run","api_method":"GET","api_path":"/v1/evals/{eval_id}/runs/{id}","sample":{"object":"event","id":"evt_sample","type":"eval.run.canceled","created_at":1750287018,"data":{"id":"evalrun_sample"}}}"#;
        assert_eq!(text, expected);
    }

    #[test]
    fn the_sample_in_each_is_an_event_of_its_type() {
        for entry in catalogue::entries() {
            let listed = serde_json::to_value(entry).unwrap();
            let event: Event = serde_json::from_value(listed["sample"].clone()).unwrap();
            assert_eq!(event.event_type, entry.name);
            assert_eq!(listed["category"], entry.category.as_str());
            assert_eq!(listed["description"], entry.description);
            assert_eq!(listed["subscribable"], entry.subscribable);
            assert_eq!(listed["deprecated"], entry.deprecated);
            assert_eq!(listed["fast_ageing"], entry.fast_ageing);
        }
    }

    #[test]
    fn what_the_api_does_not_have_is_null() {
        let listed = serde_json::to_value(catalogue::find("safety_identifier.blocked").unwrap()).unwrap();
        assert_eq!((&listed["api_method"], &listed["api_path"]), (&json!(null), &json!(null)));
        assert_eq!(listed["object_kind"], "safety_identifier");
    }
}
