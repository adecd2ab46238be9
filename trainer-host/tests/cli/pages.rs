//! Do the pages work in a browser, on a phone and on a desk? Where there is no Chromium, a line says what is skipped.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::bench::Bench;
use crate::{ramps, words};

/// Records what goes wrong from the first line of the page on.
const BEFORE: &str = "<script>window.problems=[];addEventListener('error',e=>problems.push(e.message||'error'));</script>";

/// Uses the page as a person would, and sends what it found to the page around it.
const AFTER: &str = r#"<script>(()=>{
const all=q=>[...document.querySelectorAll(q)],found={problems,charts:all('figure.chart').length,shown:0,toggled:0,sorted:0,tables:all('table.data').length,cut:[],overlap:[],mixed:[],twins:0};
const send=(e,type,x,y)=>e.dispatchEvent(new PointerEvent(type,{bubbles:true,clientX:x,clientY:y}));
for(const figure of all('figure.chart')){
  figure.scrollIntoView();
  const svg=()=>figure.querySelector('svg'),box=svg().getBoundingClientRect(),k=box.width/svg().viewBox.baseVal.width;
  const dot=svg().querySelector('circle'),line=svg().querySelector('polyline');
  const [x,y]=dot?[dot.cx.baseVal.value,dot.cy.baseVal.value]:line?line.getAttribute('points').split(' ')[0].split(',').map(Number):[0,0];
  send(svg(),'pointermove',box.left+x*k,box.top+y*k);
  const tip=document.getElementById('tip');
  if(tip.style.display==='block'&&tip.textContent.includes(':'))found.shown++;
  const b=figure.querySelector('.tools button');
  if(b){const n=svg().querySelectorAll('polyline,circle').length;b.click();
    if(svg().querySelectorAll('polyline,circle').length<n||b.getAttribute('aria-pressed')!=='true')found.toggled++;b.click();}
}
const title=figure=>figure.querySelector('figcaption').textContent;
const drawn=figure=>{const b=figure.querySelector('.tools button:not(.log)');if(b){b.click();b.click();}return figure.querySelector('svg').outerHTML;};
for(const figure of all('figure.chart')){
  const log=figure.querySelector('.tools .log'),twins=all('figure.chart').filter(f=>f!==figure&&title(f)===title(figure));
  if(!log||!twins.length)continue;
  const before=twins.map(drawn).join();
  log.click();found.twins++;
  if(twins.map(drawn).join()!==before)found.mixed.push(title(figure));
  log.click();
}
for(const svg of all('figure.chart svg')){
  const t=[...svg.querySelectorAll('text:not(.note)')].map(e=>[e.textContent,e.getBoundingClientRect()]),edge=svg.getBoundingClientRect();
  t.forEach(([a,p],i)=>{
    if(p.left<edge.left-1||p.right>edge.right+1)found.cut.push(a);
    t.slice(i+1).forEach(([b,q])=>{if(p.left<q.right-1&&q.left<p.right-1&&p.top<q.bottom-3&&q.top<p.bottom-3)found.overlap.push(a+' '+b);});
  });
}
for(const table of all('table.data')){
  const th=table.querySelector('thead th'),column=()=>[...table.tBodies[0].rows].map(r=>r.cells[0].textContent);
  th.click();const up=column().join();th.click();const down=column().reverse().join();
  if(th.getAttribute('aria-sort')==='descending'&&(up===down||new Set(column()).size<column().length))found.sorted++;
}
for(const e of all('details'))e.open=true;
const width=document.documentElement.clientWidth;
found.width=width;found.scroll=document.documentElement.scrollWidth;
for(const e of all('body *')){
  if(e.closest('.wide,pre,#tip,script,style'))continue;
  const r=e.getBoundingClientRect();
  if(r.width&&(r.right>width+1||r.left<-1))found.cut.push(e.tagName+' '+(e.textContent||'').slice(0,40));
}
parent.postMessage(JSON.stringify(found),'*');
})();</script>"#;

/// Chromium under one of its names; `TRAINER_HOST_CHROMIUM` names another one.
fn chromium() -> Option<String> {
    let named = std::env::var("TRAINER_HOST_CHROMIUM").ok();
    let names = ["chromium", "chromium-browser", "google-chrome"].map(String::from);
    let mut names = named.into_iter().chain(names);
    let found = names.find(|name| {
        let version = Command::new(name).arg("--version").output();
        version.is_ok_and(|output| output.status.success())
    });
    if found.is_none() {
        eprintln!("skipped: there is no Chromium; TRAINER_HOST_CHROMIUM names one");
    }
    found
}

/// What using the page `file` gives in a window of `width` pixels.
fn used(bench: &Bench, browser: &str, file: &Path, width: usize) -> Value {
    let page = std::fs::read_to_string(file).unwrap();
    let probed = page
        .replacen("<head>", &format!("<head>{BEFORE}"), 1)
        .replacen("</body>", &format!("{AFTER}</body>"), 1);
    bench.file("probed.html", probed);
    let around = format!(
        "<!doctype html><pre id=found></pre><script>addEventListener('message',e=>{{\
         document.getElementById('found').textContent=e.data}})</script>\
         <iframe src=\"probed.html\" width={width} height=900 style=\"border:0\"></iframe>"
    );
    let around = bench.file("around.html", around);
    let output = Command::new(browser)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"])
        .args(["--virtual-time-budget=8000", "--window-size=1400,1000"])
        .arg(format!(
            "--user-data-dir={}",
            bench.path("browser").display()
        ))
        .arg(format!("file://{}", around.display()))
        .output()
        .unwrap();
    let dom = String::from_utf8_lossy(&output.stdout).into_owned();
    let text = dom.split("<pre id=\"found\">").nth(1).unwrap_or("");
    let text = text.split("</pre>").next().unwrap_or("");
    let text = text
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&");
    serde_json::from_str(&text).unwrap_or_else(|error| {
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        panic!("{}: {error}: {text}\n{errors}", file.display())
    })
}

/// Sixty classes with long names that no ASCII has.
fn many_classes() -> String {
    let rows = (0..60 * 4 * 6).map(|n| {
        let (class, series, t) = (n / 24, n / 6, n % 6);
        let name = format!("Gebärde {class} <mit> einem sehr langen Namen, 手話");
        format!("s{series},{t},{}.5,\"{name}\"\n", (class * (t + 1)) % 17)
    });
    format!("series_id,t,x,label\n{}", rows.collect::<String>())
}

/// Sequences with a value at each step, whose numbers are large.
fn values() -> String {
    let rows = (0..40 * 12).map(|n: u32| {
        let (series, t) = (n / 12, n % 12);
        let flow = 120_000 + 7000 * ((n * n) % 11);
        format!(
            "s{series},{t},{flow},{}.25\n",
            2_000_000 + series * 1000 + t
        )
    });
    format!("series_id,t,flow,level\n{}", rows.collect::<String>())
}

/// The hours of 25 days.
fn load() -> String {
    let rows = (0..25 * 24).map(|n| {
        let (day, hour) = (1 + n / 24, n % 24);
        format!(
            "2026-01-{day:02} {hour:02}:00:00,{}.5\n",
            40 + (hour * hour) % 13
        )
    });
    format!("date,kW\n{}", rows.collect::<String>())
}

#[test]
#[ignore = "long: opens each page in Chromium"]
fn pages_work_on_a_phone_and_on_a_desk() {
    let Some(browser) = chromium() else { return };
    let bench = Bench::new();
    bench.file("ramps.csv", ramps().as_bytes());
    bench.file("many.csv", many_classes());
    bench.file("values.csv", values());
    bench.file("load.csv", load());
    for line in [
        "train digits --out run --epochs 3 --hidden 6",
        "train ramps.csv --out other --epochs 4 --hidden 4",
        "train ramps.csv --out both --epochs 1 --hidden 4 --bidirectional --validation-share 0",
        "train many.csv --out many --epochs 2 --hidden 4 --test-share 0.3",
        "train values.csv --out values --targets level --epochs 2 --hidden 4",
        "train load.csv --out forecast --look-back 8 --epochs 2 --hidden 4 --test-share 0.2",
        "quantise forecast",
        "report forecast",
        "quantise run --scheme w8a8",
        "quantise run",
        "report run",
        "find-rate ramps.csv --out rate.html --updates 40",
        "compare run other --html compare.html",
        "eval run --part validation --stream --html stream.html",
        "tune ramps.csv --trials 6 --epochs 3 --repeats 1 --stopping none --workers 1",
        "tune show --html study.html",
    ] {
        bench.succeed(&words(line));
    }
    for page in [
        "run/report.html",
        "other/report.html",
        "both/report.html",
        "many/report.html",
        "values/report.html",
        "forecast/report.html",
        "run/quantisation-w8a16.html",
        "rate.html",
        "compare.html",
        "stream.html",
        "study.html",
    ] {
        for width in [390, 1280] {
            let found = used(&bench, &browser, &bench.path(page), width);
            let at = format!("{page} at {width} pixels: {found:#}");
            assert_eq!(found["problems"], Value::Array(Vec::new()), "{at}");
            assert_eq!(found["cut"], Value::Array(Vec::new()), "{at}");
            assert_eq!(found["overlap"], Value::Array(Vec::new()), "{at}");
            assert_eq!(found["mixed"], Value::Array(Vec::new()), "{at}");
            // The charts of wrong decisions have one title each time.
            let has_twins = found["twins"].as_u64() > Some(0);
            assert!(has_twins || page != "run/report.html", "{at}");
            assert!(found["scroll"].as_u64() <= found["width"].as_u64(), "{at}");
            assert!(found["charts"].as_u64() > Some(0), "{at}");
            assert_eq!(found["shown"], found["charts"], "{at}");
            assert_eq!(found["sorted"], found["tables"], "{at}");
        }
    }
}
