//! Any JSON is a document or a complaint.

use super::*;
use proptest::prelude::*;

/// Words that lead on.
const KEYS: &str = "nftables,add,delete,insert,replace,flush,list,rule,set,map,element,chain,table,expr,match,left,right,op,elem,\
     val,key,data,vmap,mangle,value,payload,protocol,field,base,offset,len,meta,ct,tcp option,name,type,concat,\
     range,prefix,addr,jump,target,limit,rate,per,burst,quota,counter,log,queue,num,flags,reject,snat,port,set,\
     jhash,mod,fib,result,typeof,family,registers,|,&,timeout,handle,index,stmt,tunnel,xt,info";

const TEXTS: &str = "ip,inet,tcp,dport,saddr,mark,state,==,in,add,@s,*,t,c,second,maxseg,size,ll,verdict,ipv4_addr,counter,\
     192.0.2.1,,-,/,0x,eth*,icmp,daddr,oif";

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (0..70u64).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        prop::sample::select(TEXTS.split(',').collect::<Vec<_>>()).prop_map(Value::from),
    ];
    leaf.prop_recursive(8, 64, 4, |inner| {
        let entry = (prop::sample::select(KEYS.split(',').collect::<Vec<_>>()), inner.clone())
            .prop_map(|(key, value)| (key.to_owned(), value));
        prop_oneof![
            prop::collection::vec(inner, 0..4).prop_map(Value::from),
            prop::collection::vec(entry.clone(), 0..6).prop_map(|all| Value::Object(all.into_iter().collect())),
            entry.prop_map(|one| Value::Object([one].into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_json_is_a_document_or_none(inner in any_json(), rule: bool) {
        let document = if rule {
            json!({"nftables": [{"add": {"rule": {"family": "ip", "table": "t", "chain": "c", "expr": [inner]}}}]})
        } else {
            json!({"nftables": [inner]})
        };
        if let Ok(document) = Document::from_value(&document) {
            let _ = document.batch(&crate::model::Ruleset::new(1.into()));
        }
    }

    #[test]
    fn any_text_is_a_document_or_none(text in "\\PC{0,40}") {
        let _ = Document::parse(&text);
    }
}

#[test]
fn depth_is_bounded() {
    let mut deep = json!(1);
    for _ in 0..300 {
        deep = json!({"|": [deep, 1]});
    }
    let document = json!({"nftables": [{"add": {"rule": {"family": "ip", "table": "t", "chain": "c", "expr": [
        {"match": {"op": "==", "left": {"meta": {"key": "mark"}}, "right": deep}}]}}}]});
    let error = Document::from_value(&document).unwrap_err().to_string();
    assert!(error.ends_with("nested too deeply"), "{error}");

    // Chains of operands are as deep as they are long.
    let mut long = json!(1);
    for _ in 0..20 {
        let mut operands = vec![json!(1); 90];
        operands[0] = long;
        long = json!({"|": operands});
    }
    let error = statements(&json!([matches(json!({"meta": {"key": "mark"}}), long)])).unwrap_err();
    assert!(error.ends_with("nested too deeply"), "{error}");

    let wide: Vec<_> = (0..5000).map(Value::from).collect();
    let error = statements(&json!([matches(json!({"meta": {"key": "mark"}}), json!({"|": wide}))])).unwrap_err();
    assert!(error.ends_with("expected 2 to 100 operands, found 5000"), "{error}");
}
