# The example of modules/README.md, as its author would test it.

use Carmen::Test;

my $t = Carmen::Test->new(domains => [qw(auth notes)]);
my $ann = $t->client(sub => '01890000-0000-7000-8000-00000000000a',
    tenant => 'demo', scope => 'notes:read notes:write');
my $eve = $t->client(tenant => 'other', scope => 'notes:read notes:write');
my $bob = $t->client(tenant => 'demo', scope => 'notes:read');

my $r = $ann->post('/api/v1/notes', json => { text => 'Call the carrier' },
    key => 'n1');
is($r->status, 201, 'a note is made');
my $note = $r->json;
is($r->header('Location'), "/api/v1/notes/$note->{noteId}", 'and has a place');

my $again = $ann->post('/api/v1/notes', json => { text => 'Call the carrier' },
    key => 'n1');
is($again->body, $r->body, 'the same key answers the same bytes');

problem_is($ann->post('/api/v1/notes', json => { text => '' },
    key => 'n2'), 422, 'validation-failed');
problem_is($bob->post('/api/v1/notes', json => { text => 'x' },
    key => 'n3'), 403, 'insufficient-scope');

is($ann->get("/api/v1/notes/$note->{noteId}")->json->{text},
    'Call the carrier', 'it is read back');
problem_is($eve->get("/api/v1/notes/$note->{noteId}"), 404, 'not-found');
is(scalar @{ $eve->get('/api/v1/notes')->json->{items} }, 0,
    'another tenant sees none');

$ann->post('/api/v1/notes', json => { text => "note $_" }, key => "m$_")
    for 1 .. 4;
my @all = list_all($ann, '/api/v1/notes?limit=2');
is(scalar @all, 5, 'all pages together');
is($all[0]{text}, 'note 4', 'the newest first');

my $api = $t->client->get('/api/v1/openapi.json')->json;
ok($api->{paths}{'/notes/{noteId}'}{get}, 'and OpenAPI knows it');
ok($api->{components}{schemas}{Note}{properties}{text}, 'with its entity');

is($t->sql("SELECT count(*) FROM core.event WHERE source = '/notes/note'"),
    5, 'an event each');

done_testing;
