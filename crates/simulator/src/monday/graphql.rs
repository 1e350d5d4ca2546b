//! The part of GraphQL that one operation with one field needs: variables with types, arguments, a selection.
//!
//! Fragments, directives, aliases, several operations and several root fields are not read. Types of variables are checked
//! against the arguments they are given to, as a server does before it carries anything out.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

/// One operation, with the values of its variables in place.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Operation {
    pub(super) is_mutation: bool,
    /// The root field, for example `create_item`.
    pub(super) field: String,
    pub(super) arguments: Map<String, Value>,
}

/// An argument of a root field: its name and type.
pub(super) type Argument = (&'static str, &'static str);

/// A root field as the schema has it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) is_mutation: bool,
    pub(super) arguments: &'static [Argument],
    /// What may be selected, inner fields behind a dot.
    pub(super) selection: &'static [&'static str],
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Name(String),
    Text(String),
    Number(String),
    Mark(char),
}

fn tokens(query: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut rest = query.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            c if c.is_whitespace() || c == ',' => {}
            '#' => while rest.next_if(|c| *c != '\n').is_some() {},
            '"' => {
                let mut text = String::new();
                loop {
                    match rest.next() {
                        Some('"') => break,
                        Some('\\') => text.extend(rest.next()),
                        Some(c) => text.push(c),
                        None => return Err("Unterminated string".to_owned()),
                    }
                }
                tokens.push(Token::Text(text));
            }
            c if c.is_ascii_alphabetic() || c == '_' => {
                let mut name = String::from(c);
                while let Some(c) = rest.next_if(|c| c.is_ascii_alphanumeric() || *c == '_') {
                    name.push(c);
                }
                tokens.push(Token::Name(name));
            }
            c if c.is_ascii_digit() || c == '-' => {
                let mut number = String::from(c);
                while let Some(c) = rest.next_if(|c| c.is_ascii_digit() || *c == '.') {
                    number.push(c);
                }
                tokens.push(Token::Number(number));
            }
            c if "{}()[]:!$=".contains(c) => tokens.push(Token::Mark(c)),
            c => return Err(format!("Unexpected character {c:?}")),
        }
    }
    Ok(tokens)
}

struct Parser<'a> {
    tokens: std::iter::Peekable<std::vec::IntoIter<Token>>,
    /// Types of declared variables.
    declared: BTreeMap<String, String>,
    given: &'a Map<String, Value>,
    /// Variables that were given to an argument of the root field as they are.
    passed: Vec<(String, String)>,
}

/// Reads a request against the fields that are played.
pub(super) fn read(
    query: &str,
    variables: &Map<String, Value>,
    schema: &[Field],
) -> Result<Operation, String> {
    let tokens = tokens(query)?.into_iter().peekable();
    let mut parser = Parser { tokens, declared: BTreeMap::new(), given: variables, passed: Vec::new() };
    let is_mutation = match parser.name()?.as_str() {
        "query" => false,
        "mutation" => true,
        other => return Err(format!("Unexpected Name {other:?}")),
    };
    if matches!(parser.tokens.peek(), Some(Token::Name(_))) {
        parser.name()?;
    }
    parser.declarations()?;
    parser.mark('{')?;
    let name = parser.name()?;
    let kind = if is_mutation { "Mutation" } else { "Query" };
    let field = schema.iter().find(|field| field.name == name && field.is_mutation == is_mutation);
    let field = field.ok_or_else(|| format!("Cannot query field \"{name}\" on type \"{kind}\"."))?;
    let arguments = parser.arguments(field)?;
    let mut selected = Vec::new();
    parser.selection("", &mut selected)?;
    parser.mark('}')?;
    if parser.tokens.peek().is_some() {
        return Err("only one operation with one field is played".to_owned());
    }
    if let Some(unknown) = selected.iter().find(|path| !field.selection.contains(&path.as_str())) {
        return Err(format!("Cannot query field \"{unknown}\" of \"{name}\"."));
    }
    parser.check_types(field)?;
    Ok(Operation { is_mutation, field: name, arguments })
}

impl Parser<'_> {
    fn name(&mut self) -> Result<String, String> {
        match self.tokens.next() {
            Some(Token::Name(name)) => Ok(name),
            other => Err(format!("Syntax Error: Expected Name, found {other:?}")),
        }
    }

    fn mark(&mut self, mark: char) -> Result<(), String> {
        match self.tokens.next() {
            Some(Token::Mark(found)) if found == mark => Ok(()),
            other => Err(format!("Syntax Error: Expected {mark:?}, found {other:?}")),
        }
    }

    fn takes(&mut self, mark: char) -> bool {
        self.tokens.next_if(|token| *token == Token::Mark(mark)).is_some()
    }

    fn declarations(&mut self) -> Result<(), String> {
        if !self.takes('(') {
            return Ok(());
        }
        while !self.takes(')') {
            self.mark('$')?;
            let name = self.name()?;
            self.mark(':')?;
            let list = self.takes('[');
            let mut kind = self.name()?;
            kind.extend(self.takes('!').then_some('!'));
            if list {
                self.mark(']')?;
                kind = format!("[{kind}]");
                kind.extend(self.takes('!').then_some('!'));
            }
            if kind.ends_with('!') && self.given.get(&name).is_none_or(Value::is_null) {
                return Err(format!("Variable \"${name}\" of required type \"{kind}\" was not provided."));
            }
            self.declared.insert(name, kind);
        }
        Ok(())
    }

    fn arguments(&mut self, field: &Field) -> Result<Map<String, Value>, String> {
        let mut arguments = Map::new();
        if self.takes('(') {
            while !self.takes(')') {
                let name = self.name()?;
                self.mark(':')?;
                if !field.arguments.iter().any(|(known, _)| *known == name) {
                    return Err(format!("Unknown argument \"{name}\" on field \"{}\".", field.name));
                }
                if let Some(Token::Mark('$')) = self.tokens.peek() {
                    let value = self.value()?;
                    if let Some((_, argument)) = self.passed.last_mut() {
                        argument.clone_from(&name);
                    }
                    arguments.insert(name, value);
                } else {
                    let before = self.passed.len();
                    arguments.insert(name.clone(), self.value()?);
                    self.passed.truncate(before);
                }
            }
        }
        for (name, kind) in field.arguments.iter().filter(|(_, kind)| kind.ends_with('!')) {
            if arguments.get(*name).is_none_or(Value::is_null) {
                return Err(format!(
                    "Field \"{}\" argument \"{name}\" of type \"{kind}\" is required.",
                    field.name
                ));
            }
        }
        Ok(arguments)
    }

    fn value(&mut self) -> Result<Value, String> {
        match self.tokens.next() {
            Some(Token::Mark('$')) => {
                let name = self.name()?;
                if !self.declared.contains_key(&name) {
                    return Err(format!("Variable \"${name}\" is not defined."));
                }
                self.passed.push((name.clone(), String::new()));
                Ok(self.given.get(&name).cloned().unwrap_or(Value::Null))
            }
            Some(Token::Text(text)) => Ok(Value::String(text)),
            Some(Token::Number(number)) => serde_json::from_str(&number).map_err(|error| error.to_string()),
            Some(Token::Name(name)) => Ok(match name.as_str() {
                "true" => Value::Bool(true),
                "false" => Value::Bool(false),
                "null" => Value::Null,
                word => Value::String(word.to_owned()),
            }),
            Some(Token::Mark('[')) => {
                let mut list = Vec::new();
                while !self.takes(']') {
                    list.push(self.value()?);
                }
                Ok(Value::Array(list))
            }
            Some(Token::Mark('{')) => {
                let mut object = Map::new();
                while !self.takes('}') {
                    let name = self.name()?;
                    self.mark(':')?;
                    object.insert(name, self.value()?);
                }
                Ok(Value::Object(object))
            }
            other => Err(format!("Syntax Error: Expected a value, found {other:?}")),
        }
    }

    fn selection(&mut self, above: &str, selected: &mut Vec<String>) -> Result<(), String> {
        if !self.takes('{') {
            return Ok(());
        }
        while !self.takes('}') {
            let name = self.name()?;
            let path = if above.is_empty() { name } else { format!("{above}.{name}") };
            selected.push(path.clone());
            self.selection(&path, selected)?;
        }
        Ok(())
    }

    /// A variable fits an argument of its type, or of its type without the exclamation mark.
    fn check_types(&self, field: &Field) -> Result<(), String> {
        for (variable, argument) in &self.passed {
            let declared = self.declared.get(variable).map_or("", String::as_str);
            let wanted =
                field.arguments.iter().find(|(name, _)| name == argument).map_or("", |(_, kind)| kind);
            if declared != wanted && declared.strip_suffix('!') != Some(wanted) {
                return Err(format!(
                    "Variable \"${variable}\" of type \"{declared}\" used in position expecting type \"{wanted}\"."
                ));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const SCHEMA: [Field; 1] = [Field {
        name: "make",
        is_mutation: true,
        arguments: &[("board", "ID!"), ("group", "String"), ("columns", "[Column!]")],
        selection: &["id", "inner", "inner.name"],
    }];

    fn request(query: &str, variables: &Value) -> Result<Operation, String> {
        read(query, variables.as_object().unwrap(), &SCHEMA)
    }

    #[test]
    fn an_operation_gets_the_values_of_its_variables() {
        let query = "mutation Make($b: ID!, $key: String!) { # a remark\n make(board: $b, columns: [{column_id: \"k\", limit: 2, column_values: [$key]}]) { id inner { name } } }";
        let read = request(query, &json!({"b": "1", "key": "x\"y"})).unwrap();
        let expected =
            json!({"board": "1", "columns": [{"column_id": "k", "limit": 2, "column_values": ["x\"y"]}]});
        assert_eq!((read.is_mutation, &*read.field, Value::Object(read.arguments)), (true, "make", expected));
    }

    #[test]
    fn what_a_server_would_refuse_is_refused() {
        for (query, words) in [
            ("mutation { make(board: 1, colour: 2) { id } }", "Unknown argument \"colour\""),
            ("mutation { make(group: \"a\") { id } }", "argument \"board\" of type \"ID!\" is required"),
            ("query { make(board: 1) { id } }", "on type \"Query\""),
            ("mutation { take(board: 1) { id } }", "Cannot query field \"take\""),
            ("mutation { make(board: 1) { name } }", "Cannot query field \"name\""),
            ("mutation { make(board: $b) { id } }", "Variable \"$b\" is not defined"),
            ("mutation M($b: ID!) { make(board: $b) { id } }", "was not provided"),
            (
                "mutation M($n: Int!) { make(board: $n) { id } }",
                "of type \"Int!\" used in position expecting type \"ID!\"",
            ),
            ("mutation M($g: ID) { make(board: $g) { id } }", "of type \"ID\" used in position"),
            ("mutation { make(board: 1) { id }", "Expected '}'"),
            ("mutation { make(board: \"1) { id } }", "Unterminated"),
            ("subscription { make }", "Unexpected Name"),
        ] {
            let refused = request(query, &json!({"n": 1, "g": "x"})).unwrap_err();
            assert!(refused.contains(words), "{query}: {refused}");
        }
    }
}
