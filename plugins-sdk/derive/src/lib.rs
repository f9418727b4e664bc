//! `#[derive(Arguments)]`: the JSON Schema of a type, from its fields and their comments.
//!
//! It writes calls of `skynet_plugin_sdk::arguments`, which put the text together. It reads what
//! serde reads (`rename`, `rename_all`, `default`, `skip`) so that schema and reader agree, and refuses, with
//! the place, what it would have to guess: tuples, enums with data, other attributes of serde's.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Attribute, Data, DeriveInput, Error, Expr, Fields, Lit, LitStr, Meta, parse_macro_input};

/// Implements `Arguments` for a struct with named fields, or an enum of plain names.
#[proc_macro_derive(Arguments, attributes(serde))]
pub fn arguments(input: proc_macro::TokenStream) -> proc_macro::TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    derive(&input).unwrap_or_else(Error::into_compile_error).into()
}

fn derive(input: &DeriveInput) -> syn::Result<TokenStream> {
    let serde = Serde::read(&input.attrs)?;
    let body = match &input.data {
        Data::Struct(data) => object(&data.fields, &serde, input)?,
        Data::Enum(data) => {
            let mut names = Vec::new();
            for variant in &data.variants {
                if !matches!(variant.fields, Fields::Unit) {
                    return Err(Error::new_spanned(variant, "Arguments: a variant with data has no schema here; use a struct"));
                }
                names.push(Serde::read(&variant.attrs)?.name(&variant.ident.to_string(), serde.rename_all.as_deref(), false));
            }
            quote! { ::skynet_plugin_sdk::arguments::names(out, &[#(#names),*]) }
        }
        Data::Union(_) => return Err(Error::new_spanned(input, "Arguments: a union has no schema")),
    };
    let (name, (generics, types, bounds)) = (&input.ident, input.generics.split_for_impl());
    Ok(quote! {
        impl #generics ::skynet_plugin_sdk::arguments::Arguments for #name #types #bounds {
            fn write(out: &mut ::std::string::String) { #body }
        }
    })
}

fn object(fields: &Fields, whole: &Serde, input: &DeriveInput) -> syn::Result<TokenStream> {
    let Fields::Named(fields) = fields else {
        return Err(Error::new_spanned(input, "Arguments: a tool's arguments have names; use a struct with named fields"));
    };
    let mut steps = Vec::new();
    for field in &fields.named {
        let serde = Serde::read(&field.attrs)?;
        let Some(ident) = field.ident.as_ref().filter(|_| !serde.skip) else { continue };
        let name = serde.name(ident.to_string().trim_start_matches("r#"), whole.rename_all.as_deref(), true);
        let (kind, said, optional) = (&field.ty, comment(&field.attrs), serde.default || whole.default);
        steps.push(quote! { object.member::<#kind>(#name, #said, #optional); });
    }
    Ok(quote! {
        let mut object = ::skynet_plugin_sdk::arguments::Object::new();
        #(#steps)*
        object.write(out)
    })
}

/// The text of `///` comments, in one line.
fn comment(attributes: &[Attribute]) -> String {
    let line = |attribute: &Attribute| match &attribute.meta {
        Meta::NameValue(pair) if pair.path.is_ident("doc") => match &pair.value {
            Expr::Lit(literal) => {
                if let Lit::Str(text) = &literal.lit {
                    Some(text.value().trim().to_owned())
                } else {
                    None
                }
            }
            _ => None,
        },
        _ => None,
    };
    attributes.iter().filter_map(line).collect::<Vec<_>>().join(" ").trim().to_owned()
}

/// What serde was told, as far as a schema shows it.
#[derive(Default)]
struct Serde {
    rename: Option<String>,
    rename_all: Option<String>,
    default: bool,
    skip: bool,
}

impl Serde {
    fn read(attributes: &[Attribute]) -> syn::Result<Self> {
        let mut read = Self::default();
        for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("serde")) {
            attribute.parse_nested_meta(|meta| {
                if meta.path.is_ident("rename") {
                    read.rename = Some(meta.value()?.parse::<LitStr>()?.value());
                } else if meta.path.is_ident("rename_all") {
                    read.rename_all = Some(meta.value()?.parse::<LitStr>()?.value());
                } else if meta.path.is_ident("default") {
                    read.default = true;
                    if let Ok(value) = meta.value() {
                        value.parse::<LitStr>()?;
                    }
                } else if meta.path.is_ident("skip") {
                    read.skip = true;
                } else if !meta.path.is_ident("deny_unknown_fields") {
                    return Err(meta.error("Arguments: a schema cannot show this; write the schema by hand"));
                }
                Ok(())
            })?;
        }
        Ok(read)
    }

    /// The name in JSON. Fields are written `like_this`, variants `LikeThis`.
    fn name(&self, ident: &str, all: Option<&str>, is_field: bool) -> String {
        if let Some(name) = &self.rename {
            return name.clone();
        }
        let words = words(ident, is_field);
        let capital = |word: &String| word.get(..1).unwrap_or_default().to_uppercase() + word.get(1..).unwrap_or_default();
        match all {
            Some("lowercase") => ident.to_lowercase(),
            Some("UPPERCASE") => ident.to_uppercase(),
            Some("snake_case") => words.join("_"),
            Some("SCREAMING_SNAKE_CASE") => words.join("_").to_uppercase(),
            Some("kebab-case") => words.join("-"),
            Some("PascalCase") => words.iter().map(capital).collect(),
            Some("camelCase") => words.iter().enumerate().map(|(at, word)| if at == 0 { word.clone() } else { capital(word) }).collect(),
            _ => ident.to_owned(),
        }
    }
}

fn words(ident: &str, is_field: bool) -> Vec<String> {
    if is_field {
        return ident.split('_').map(str::to_owned).collect();
    }
    let mut words: Vec<String> = Vec::new();
    for letter in ident.chars() {
        match words.last_mut() {
            Some(word) if !letter.is_uppercase() => word.push(letter),
            _ => words.push(letter.to_lowercase().collect()),
        }
    }
    words
}
